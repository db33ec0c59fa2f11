// SPDX-License-Identifier: MIT
// A training step as one CUDA graph. The function that enqueues the step runs every time, on the host: it computes what
// changes from step to step (tokens, positions of random numbers, the coefficients of Adam) and so decides what the
// device has to do. From the second time on its launches are not made one by one: they are compared with those of the
// graph, and if all agree, the graph is launched.
#pragma once

#include <rondo/core/captured_step.hpp>
#include <rondo/cuda/context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace rondo::inline RONDO_ABI {

/// A step that is captured into a CUDA graph and replayed. The results have the same bits as without it.
///
/// Values that change from step to step are not part of the graph: each run copies them to device memory, from which
/// the kernels read them. They are everything that an operation copies from the host (tokens, targets, lengths, weights
/// of steps), the random numbers of dropout, the coefficients of Adam, and the factor of a loss. Everything else is
/// part of the graph: shapes, addresses, algorithms, and numbers such as a probability of dropout or a maximum norm.
///
/// A step must not wait for the device: losses are DeferredLoss, norms GradientNorm. It uses the calling thread's
/// context, and memory that stays from step to step.
template <>
class CapturedStep<Cuda> {
 public:
  CapturedStep();
  ~CapturedStep();
  CapturedStep(const CapturedStep&) = delete;
  CapturedStep& operator=(const CapturedStep&) = delete;

  /// Runs step(), which enqueues work on the calling thread's context:
  /// - The first time the work runs as it is enqueued, so that memory has its size and algorithms are chosen.
  /// - The second time it is captured, and runs as a graph.
  /// - From then on the graph runs, as long as step() enqueues the same work. Other work, such as that of another batch
  ///   size, runs as it is enqueued, the graph is dropped, and the next step is captured.
  ///
  /// If the GPU refuses the graph, this and all further steps run as they are enqueued: see refusal(). The same where
  /// the caller captures the stream. Throws cuda::error if step() waits for the device or uses another context's
  /// stream, and whatever step() throws: what it had enqueued before runs.
  void run(const std::function<void()>& step);

  std::int64_t captures() const;  ///< number of graphs so far
  std::int64_t replays() const;   ///< number of runs of a graph that was captured before
  std::string refusal() const;    ///< why there is no graph; empty if none was refused

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rondo::inline RONDO_ABI
