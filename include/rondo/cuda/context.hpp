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

#include <cstddef>
#include <memory>
#include <string>

struct CUstream_st;

namespace rondo::inline RONDO_ABI {

/// Runs on an NVIDIA GPU, in the calling thread's context.
struct Cuda {};

/// The CUDA backend: contexts, streams, algorithms.
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
  automatic,            ///< chosen at the first pass of a size: see AlgorithmChoice
  stepwise,             ///< per step one cuBLAS product and one kernel for the cells
  graph,                ///< the same, launched as one CUDA graph
  grid_persistent,      ///< one kernel for all steps: weights stay on the chip, one grid-wide barrier per step
  cluster_persistent,   ///< the same, with one thread-block cluster per group of columns (sm_90 and newer)
  dataflow_persistent,  ///< the same as the grid's without a barrier: a block waits only for its data (sm_90 and newer)
};

/// How `automatic` chooses among the algorithms that a model of the GPU expects to be fast. In either case an algorithm
/// is taken only if its results on this device agree with those of the stepwise one. The choice for a size on a device
/// holds until the process ends, and can be stored: see algorithm_records.hpp.
enum class AlgorithmChoice {
  measured,       ///< each is timed, for milliseconds; a later process may choose another one, whose bits differ
  deterministic,  ///< by the model alone: every run on such a device chooses the same
};

/// Name of an algorithm: "automatic", "stepwise", "graph", "grid_persistent", "cluster_persistent" or
/// "dataflow_persistent".
const char* name(RecurrentAlgorithm algorithm);

/// Properties of a CUDA device.
struct DeviceInfo {
  std::string name;              ///< e.g. "NVIDIA H100"
  int major = 0;                 ///< compute capability, major
  int minor = 0;                 ///< compute capability, minor
  int multiprocessors = 0;       ///< number of multiprocessors
  std::size_t shared_bytes = 0;  ///< maximum dynamic shared memory of a block in bytes
  int driver = 0;                ///< version of the driver, 1000 * major + 10 * minor
  int runtime = 0;               ///< version of the CUDA runtime, 1000 * major + 10 * minor
};

/// Whether a CUDA device and its driver are available.
bool available();

/// A stream, a cuBLAS handle and workspace. Not thread-safe.
class Context {
 public:
  /// On the current device, with a new stream.
  Context();
  /// Borrows `stream`, of the current device, which must outlive the context; null is the legacy stream. Work is
  /// ordered with the caller's on that stream. The caller may capture it: passes then become part of its graph. Run one
  /// pass before, so that memory and streams exist. Copies from and to the host are not possible in a capture.
  explicit Context(Stream stream);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// The stream of the context.
  Stream stream() const;
  /// Properties of the device.
  const DeviceInfo& device() const;

  /// Waits for all work so far. Throws cuda::error if any of it failed.
  void synchronize();

  /// Requests an algorithm for recurrent layers.
  void set_recurrent_algorithm(RecurrentAlgorithm algorithm);
  /// The requested algorithm.
  RecurrentAlgorithm recurrent_algorithm() const;
  /// Sets how `automatic` chooses; `measured` at first.
  void set_algorithm_choice(AlgorithmChoice choice);
  /// The algorithm of the last pass of a recurrent layer.
  RecurrentAlgorithm last_algorithm() const;

  /// The calling thread's context. Throws cuda::error without a GPU.
  static Context& current();

  /// @cond
  struct Impl;
  Impl& impl() { return *impl_; }
  /// @endcond

 private:
  std::unique_ptr<Impl> impl_;
};

/// Makes a context current for the calling thread, and its device, until this object is destroyed.
class ContextGuard {
 public:
  /// Makes `context` current; it must outlive this object.
  explicit ContextGuard(Context& context);
  ~ContextGuard();
  ContextGuard(const ContextGuard&) = delete;
  ContextGuard& operator=(const ContextGuard&) = delete;

 private:
  Context* former_;
  int former_device_;
};

}  // namespace cuda
}  // namespace rondo::inline RONDO_ABI
