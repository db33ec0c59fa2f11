// SPDX-License-Identifier: MIT
// Concurrent recurrent passes on a GPU: the directions of a layer, and layers as a wavefront (Context::set_wavefront).
// Legend: P outputs, H hidden units, B batch, L layers, D features.
#pragma once

#include <rondo/core/random.hpp>
#include <rondo/cuda/context.hpp>
#include <rondo/cuda/recurrent.hpp>
#include <rondo/recurrent/input.hpp>
#include <rondo/recurrent/stack.hpp>

#include <memory>

namespace rondo::inline RONDO_ABI {

namespace cuda {

/// Runs parts of the calling thread's work concurrently, each in a context with a stream: the first part in the
/// thread's own context.
class Fork {
 public:
  explicit Fork(Index parts);
  ~Fork();
  Fork(const Fork&) = delete;
  Fork& operator=(const Fork&) = delete;

  /// The context of part n, once the work of the part before is enqueued. Where its passes accumulate into the gradient
  /// of their input, they wait for that part, since both may use the same gradient.
  Context& part(Index n);

  /// Further work on the thread's own stream runs after all parts.
  void join();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cuda

/// f(d) for each direction of a layer. The work that they enqueue runs concurrently.
template <class F>
void run_directions(Cuda, Index directions, F&& f) {
  if (directions == 1) return f(Index{0});
  cuda::Fork fork(directions);
  for (Index d = 0; d < directions; ++d) {
    const cuda::ContextGuard use(fork.part(d));
    f(d);
  }
  fork.join();
}

template <class Cell>
inline constexpr bool kSupportsWavefront<Cuda, Cell> = true;

bool wavefront_enabled(Cuda, Index layers);

/// RecurrentLayer::forward of all layers in order, with dropout between them if there is a generator. h (P x B x L) and
/// c (H x B x L) are updated to each sequence's final state; the top layer's outputs are in its cache.
template <class Cell, class Scalar>
void recurrent_stack_forward(Cuda, Cell, const RecurrentStack<Scalar, Cuda>& stack,
                             const RecurrentInput<Scalar, Cuda>& x, Sequence<Scalar, Cuda>& h,
                             Sequence<Scalar, Cuda>& c, Rng* dropout_rng);

/// RecurrentLayer::backward of all layers, the top one first.
template <class Cell, class Scalar>
void recurrent_stack_backward(Cuda, Cell, const RecurrentStack<Scalar, Cuda>& stack,
                              const RecurrentInput<Scalar, Cuda>& x, const Sequence<Scalar, Cuda>& dy,
                              Sequence<Scalar, Cuda>& dh, Sequence<Scalar, Cuda>& dc,
                              const RecurrentInputGradient<Scalar, Cuda>& to);

}  // namespace rondo::inline RONDO_ABI
