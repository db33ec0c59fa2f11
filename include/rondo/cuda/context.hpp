// SPDX-License-Identifier: MIT
// A CUDA context: a device, a stream, a cuBLAS handle. Layers have a device tag only, `Cuda{}`, which stands for the
// context of the calling thread:
//
//   rondo::cuda::Context context(stream);    // the caller's stream; without one it creates its own
//   rondo::cuda::ContextGuard use(context);  // current for this thread until `use` is destroyed
//
// Without a guard a thread has a default context on the current device. See docs/05-cuda-kernels.md.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/error.hpp>
#include <rondo/core/view.hpp>

#include <cstddef>
#include <memory>
#include <string>

struct CUstream_st;

namespace rondo::inline RONDO_ABI {

/// Runs on an NVIDIA GPU, in the calling thread's context.
struct Cuda {};

namespace cuda {

/// A failed CUDA or cuBLAS call: the message has the call, its error, the file and the line.
class error : public rondo::error {
 public:
  using rondo::error::error;
};

/// The same type as cudaStream_t.
using Stream = CUstream_st*;

/// Algorithm of a recurrent layer (compare cudnnRNNAlgo_t). A request that the device, the shape, the cell or the
/// scalar type does not support falls back to the next simpler one; Context::last_algorithm returns the one that ran.
enum class RecurrentAlgorithm {
  automatic,           // selected by measurements, see cuda/recurrent/algorithm_selection.cpp
  stepwise,            // per step one cuBLAS product and one kernel for the cells
  graph,               // the same, launched as one CUDA graph
  grid_persistent,     // one kernel for all steps: weights stay on the chip, one grid-wide barrier per step
  cluster_persistent,  // the same, with one thread-block cluster per group of columns (sm_90 and newer)
};

const char* name(RecurrentAlgorithm algorithm);

struct DeviceInfo {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  std::size_t shared_bytes = 0;  // maximum dynamic shared memory of a block
  int driver = 0, runtime = 0;   // versions, 1000 * major + 10 * minor
};

/// Whether a CUDA device and its driver are available.
bool available();

/// A stream, a cuBLAS handle and workspace. Not thread-safe.
class Context {
 public:
  /// On the current device, with a new stream.
  Context();
  /// Borrows `stream`, which must outlive the context. Work is ordered with the caller's on that stream.
  explicit Context(Stream stream);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Stream stream() const;
  const DeviceInfo& device() const;

  /// Waits for all work so far. Throws cuda::error if any of it failed.
  void synchronize();

  void set_recurrent_algorithm(RecurrentAlgorithm algorithm);
  RecurrentAlgorithm recurrent_algorithm() const;
  /// The algorithm of the last pass of a recurrent layer.
  RecurrentAlgorithm last_algorithm() const;

  /// Runs the layers of a network as a wavefront: each layer has a stream, and the next layer starts after `steps` time
  /// steps, so that several layers run at once. 0: layer after layer. The results agree to rounding.
  void set_wavefront(Index steps);
  Index wavefront() const;

  /// The calling thread's context. Throws cuda::error without a GPU.
  static Context& current();

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Makes a context current for the calling thread, until this object is destroyed.
class ContextGuard {
 public:
  explicit ContextGuard(Context& context);
  ~ContextGuard();
  ContextGuard(const ContextGuard&) = delete;
  ContextGuard& operator=(const ContextGuard&) = delete;

 private:
  Context* former_;
};

}  // namespace cuda
}  // namespace rondo::inline RONDO_ABI
