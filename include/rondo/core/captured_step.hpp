// SPDX-License-Identifier: MIT
// CapturedStep: a training step that a GPU runs as one CUDA graph. A CPU has no graphs: there it only calls the step.
// See rondo/cuda/captured_step.hpp and docs/05-cuda-kernels.md.
#pragma once

#include <rondo/core/device.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace rondo::inline RONDO_ABI {

/// Runs a function that enqueues the work of a training step, on a GPU as one CUDA graph.
///
/// @code
/// rondo::CapturedStep<Device> captured;
/// for (...) captured.run([&] {
///   rondo::zero_grad(model);
///   model.forward_backward(tokens, targets, B, T, state, cache, rondo::Training{rng}, loss);
///   rondo::clip_grad_norm(model, 1, norm);
///   adam.step(model, learning_rate, norm);
/// });
/// @endcode
template <class Device = Cpu>
class CapturedStep {
 public:
  /// Calls step().
  void run(const std::function<void()>& step) { step(); }

  std::int64_t captures() const { return 0; }  ///< number of graphs so far: none
  std::int64_t replays() const { return 0; }   ///< number of runs of a graph: none
  std::string refusal() const { return {}; }   ///< why there is no graph: empty, since none was refused
};

}  // namespace rondo::inline RONDO_ABI
