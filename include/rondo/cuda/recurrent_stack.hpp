// SPDX-License-Identifier: MIT
// Several recurrent passes at once on a GPU: the directions of a layer, and layers as a wavefront
// (Context::set_wavefront). Legend: P outputs, H hidden units, B batch, L layers, D features.
#pragma once

#include <rondo/core/random.hpp>
#include <rondo/cuda/context.hpp>
#include <rondo/cuda/recurrent.hpp>
#include <rondo/recurrent/input.hpp>
#include <rondo/recurrent/stack.hpp>

#include <memory>

namespace rondo::inline RONDO_ABI {

namespace cuda {

/// Work of the calling thread in parts that run side by side, each in a context with a stream of its own: the first in
/// the thread's own.
class Fork {
 public:
  explicit Fork(Index parts);
  ~Fork();
  Fork(const Fork&) = delete;
  Fork& operator=(const Fork&) = delete;

  /// The context of part n, once the part before it is enqueued. Where its passes add to the gradient of their input,
  /// they wait for that part, since both may add to the same one.
  Context& part(Index n);

  /// What comes next on the thread's own stream comes after all parts.
  void join();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cuda

/// f(d) for each direction of a layer. What they enqueue runs side by side.
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

/// As RecurrentLayer::forward of each layer upon the other, with dropout between them where there is a generator. h (P
/// x B x L) and c (H x B x L) move to each sequence's end; the top layer's outputs are in its cache.
template <class Cell, class Scalar>
void recurrent_stack_forward(Cuda, Cell, const RecurrentStack<Scalar, Cuda>& stack,
                             const RecurrentInput<Scalar, Cuda>& x, Sequence<Scalar, Cuda>& h,
                             Sequence<Scalar, Cuda>& c, Rng* dropout_rng);

/// As RecurrentLayer::backward of each layer, the top one first.
template <class Cell, class Scalar>
void recurrent_stack_backward(Cuda, Cell, const RecurrentStack<Scalar, Cuda>& stack,
                              const RecurrentInput<Scalar, Cuda>& x, const Sequence<Scalar, Cuda>& dy,
                              Sequence<Scalar, Cuda>& dh, Sequence<Scalar, Cuda>& dc,
                              const RecurrentInputGradient<Scalar, Cuda>& to);

}  // namespace rondo::inline RONDO_ABI
