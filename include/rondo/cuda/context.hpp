// SPDX-License-Identifier: MIT
// Where CUDA work goes: a device, a stream, a cuBLAS handle. Layers know a device by its tag alone, `Cuda{}`; the
// context that stands behind the tag belongs to the calling thread:
//
//   rondo::cuda::Context context(stream);    // the caller's stream, or none: one of its own
//   rondo::cuda::ContextGuard use(context);           // this thread's, until `use` ends
//
// Without that a thread has a context of its own on the device that is current. See docs/05-cuda-kernels.md.
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

/// What a CUDA or cuBLAS call gave back: names the call, the file and the line.
class error : public rondo::error {
 public:
  using rondo::error::error;
};

/// The same type as cudaStream_t.
using Stream = CUstream_st*;

/// How a recurrent layer goes through time. What is asked for and does not fit (the device, the shape, the cell,
/// double) falls back to the next simpler one; Context::last_algorithm says which one ran.
enum class RecurrentAlgorithm {
  automatic,           // by the table of what was measured, in cuda/recurrent/algorithm_selection.cpp
  stepwise,            // for each step a cuBLAS product and one kernel for the cells
  graph,               // the same, launched as one CUDA graph
  grid_persistent,     // one kernel for all steps: weights stay on the chip, a grid-wide barrier each step
  cluster_persistent,  // the same with a thread-block cluster for some columns of the batch (sm_90 and newer)
};

const char* name(RecurrentAlgorithm algorithm);

struct DeviceInfo {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  std::size_t shared_bytes = 0;  // that a block may ask for
  int driver = 0, runtime = 0;   // versions, 1000 * major + 10 * minor
};

/// Whether a GPU and its driver are there.
bool available();

/// A stream and what works on it. Not for two threads at once.
class Context {
 public:
  /// Of the device that is current: with a stream of its own.
  Context();
  /// Borrows `stream`, which must outlive the context. Work is ordered with the caller's own on it.
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
  /// The algorithm that the last pass of a recurrent layer took.
  RecurrentAlgorithm last_algorithm() const;

  /// Layers of a network as a wavefront: each goes ahead by so many steps, on a stream of its own, before the next one
  /// follows, so that several layers work at once. 0: layer after layer. Results agree to rounding.
  void set_wavefront(Index steps);
  Index wavefront() const;

  /// The calling thread's context. Throws cuda::error where there is no GPU.
  static Context& current();

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Makes a context the calling thread's, until this ends.
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
