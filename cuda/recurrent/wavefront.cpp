// SPDX-License-Identifier: MIT
// Layers as a wavefront: the sequence is divided into pieces, and layer l may run piece k after it has run piece k-1
// and the layer below has run piece k. Every layer has a context with a stream; events order them. Backward it is the
// same, from the top layer and the last piece.
//
//   stream 0   piece 0   piece 1   piece 2
//   stream 1             piece 0   piece 1   piece 2
#include "context_pool.hpp"
#include "pass.hpp"

#include <rondo/cuda/operations.hpp>
#include <rondo/cuda/recurrent_stack.hpp>
#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>
#include <rondo/math/cells/lstm_variants.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace cuda {

namespace {

/// f(first, last) for pieces of `steps` of [0, T); one empty piece if T is 0.
template <class F>
void for_each_piece(Index T, Index steps, F&& f) {
  if (T == 0) f(Index{0}, Index{0});
  for (Index first = 0; first < T; first += steps) f(first, std::min(first + steps, T));
}

/// A copy of the generator, advanced by `numbers`: the masks are those of a pass over whole sequences.
Rng ahead(const Rng& rng, Index numbers) {
  Rng::State state = rng.state();
  state.drawn += static_cast<std::uint64_t>(numbers);
  return Rng(state);
}

/// The columns of steps [first, last).
template <class S>
auto steps_of(S&& s, Index first, Index last) {
  return s.flat().columns(s.batch() * first, s.batch() * (last - first));
}

/// The input of layer l.
template <class Scalar>
SequenceView<const Scalar> input_of(const RecurrentStack<Scalar, Cuda>& stack, std::size_t l,
                                    SequenceView<const Scalar> x) {
  if (l == 0) return x;
  return stack.dropout > 0 ? std::as_const(stack.dropouts[l - 1].y).view()
                           : std::as_const(stack.caches[l - 1].y).view();
}

template <class Cell, class Scalar>
void forward(const RecurrentStack<Scalar, Cuda>& stack, SequenceView<const Scalar> x, Sequence<Scalar, Cuda>& h,
             Sequence<Scalar, Cuda>& c, Rng* dropout_rng) {
  const Cuda device;
  const std::size_t L = stack.weights.size();
  const Index P = stack.weights[0].shape.output, B = x.batch(), T = x.time();
  const bool drops = stack.dropout > 0;
  ContextPool contexts(L);
  std::vector<ForwardPass<Cell, Scalar>> passes;
  std::vector<Rng> generators;  // for the masks between layers: each draws P numbers per column
  passes.reserve(L);
  for (std::size_t l = 0; l < L; ++l) {
    const ContextGuard use(contexts[l]);
    auto& cache = stack.caches[l].passes[0];
    cache.template resize<Cell>(stack.weights[l].shape, x.extent);
    copy(device, h.at(static_cast<Index>(l)), cache.h0.at(0));
    if constexpr (Cell::kHasC) copy(device, c.at(static_cast<Index>(l)), cache.c0.at(0));
    if (l > 0 && drops) {
      for (auto* s : {&stack.dropouts[l - 1].mask, &stack.dropouts[l - 1].y}) {
        s->resize(P, B, T);
        s->set_lengths(x.extent.lengths);
      }
      generators.push_back(ahead(*dropout_rng, static_cast<Index>(l - 1) * P * B * T));
    }
    passes.emplace_back(stack.options, stack.weights[l], input_of(stack, l, x), stack.caches[l].y.view(), cache);
  }
  for_each_piece(T, contexts[0].wavefront(), [&](Index first, Index last) {
    for (std::size_t l = 0; l < L; ++l) {
      const ContextGuard use(contexts[l]);
      if (l > 0) contexts.order(l - 1, l);
      if (l > 0 && drops) {
        const auto piece = [&](auto&& s) { return steps_of(s, first, last); };
        auto& between = stack.dropouts[l - 1];
        dropout_forward(device, stack.dropout, generators[l - 1], piece(std::as_const(stack.caches[l - 1].y)),
                        piece(between.mask), piece(between.y));
      }
      passes[l].run(first, last);
    }
  });
  for (std::size_t l = 0; l < L; ++l) {
    const ContextGuard use(contexts[l]);
    MatrixView<Scalar> c_l{};
    if constexpr (Cell::kHasC) c_l = c.at(static_cast<Index>(l));
    recurrent_final_state(device, Cell{}, stack.options.direction, std::as_const(stack.caches[l].y).view(),
                          stack.caches[l].passes[0], h.at(static_cast<Index>(l)), c_l);
  }
  contexts.join();
  if (drops) *dropout_rng = ahead(*dropout_rng, static_cast<Index>(L - 1) * P * B * T);
}

template <class Cell, class Scalar>
void backward(const RecurrentStack<Scalar, Cuda>& stack, SequenceView<const Scalar> x, const Sequence<Scalar, Cuda>& dy,
              Sequence<Scalar, Cuda>& dh, Sequence<Scalar, Cuda>& dc, const RecurrentInputGradient<Scalar, Cuda>& to) {
  const std::size_t L = stack.weights.size();
  const Index P = stack.weights[0].shape.output, B = x.batch(), T = x.time();
  const bool drops = stack.dropout > 0;
  // Stream n has layer L - 1 - n. The gradient of a layer's input, P x B x T, is in the workspace of the layer below.
  ContextPool contexts(L);
  std::vector<BackwardPass<Cell, Scalar>> passes;
  passes.reserve(L);
  const auto passed_down_to = [&](std::size_t l) -> Sequence<Scalar, Cuda>& {
    return stack.caches[l].passes[0].workspace.dy;
  };
  for (std::size_t n = 0; n < L; ++n) {
    const std::size_t l = L - 1 - n;
    const ContextGuard use(contexts[n]);
    RecurrentInputGradient<Scalar, Cuda> d_below = to;
    if (l > 0) {
      passed_down_to(l - 1).resize(P, B, T);
      d_below = {.dx = passed_down_to(l - 1).flat()};
    }
    const auto& d_above = n == 0 ? dy : passed_down_to(l);
    MatrixView<Scalar> dc_l{};
    if constexpr (Cell::kHasC) dc_l = dc.at(static_cast<Index>(l));
    passes.emplace_back(stack.options, stack.weights[l], input_of(stack, l, x), stack.caches[l].y.view(),
                        d_above.view(), stack.caches[l].passes[0], stack.gradients[l], dh.at(static_cast<Index>(l)),
                        dc_l, d_below);
  }
  for_each_piece(T, contexts[0].wavefront(), [&](Index first, Index last) {
    for (std::size_t n = 0; n < L; ++n) {
      const std::size_t l = L - 1 - n;
      const ContextGuard use(contexts[n]);
      if (n > 0) contexts.order(n - 1, n);
      passes[n].run(first, last);
      if (l > 0 && drops) {
        const auto piece = [&](auto&& s) { return steps_of(s, T - last, T - first); };
        dropout_backward(Cuda{}, piece(std::as_const(stack.dropouts[l - 1].mask)), piece(passed_down_to(l - 1)));
      }
    }
  });
  for (std::size_t n = 0; n < L; ++n) {
    const ContextGuard use(contexts[n]);
    passes[n].finish();
  }
  contexts.join();
}

}  // namespace

}  // namespace cuda

bool wavefront_enabled(Cuda, Index layers) { return layers > 1 && cuda::Context::current().wavefront() > 0; }

template <class Cell, class Scalar>
void recurrent_stack_forward(Cuda device, Cell, const RecurrentStack<Scalar, Cuda>& stack,
                             const RecurrentInput<Scalar, Cuda>& x, Sequence<Scalar, Cuda>& h,
                             Sequence<Scalar, Cuda>& c, Rng* dropout_rng) {
  if (!x.is_tokens()) return cuda::forward<Cell>(stack, x.sequence(), h, c, dropout_rng);
  auto& features = stack.caches[0].passes[0].workspace.x;
  features.resize(x.features(), x.batch(), x.time());
  embedding_forward(device, x.tokens().E, x.tokens().tokens, features.flat());
  cuda::forward<Cell>(stack, std::as_const(features).view(), h, c, dropout_rng);
}

template <class Cell, class Scalar>
void recurrent_stack_backward(Cuda device, Cell, const RecurrentStack<Scalar, Cuda>& stack,
                              const RecurrentInput<Scalar, Cuda>& x, const Sequence<Scalar, Cuda>& dy,
                              Sequence<Scalar, Cuda>& dh, Sequence<Scalar, Cuda>& dc,
                              const RecurrentInputGradient<Scalar, Cuda>& to) {
  if (!x.is_tokens()) return cuda::backward<Cell>(stack, x.sequence(), dy, dh, dc, to);
  auto& work = stack.caches[0].passes[0].workspace;
  RecurrentInputGradient<Scalar, Cuda> to_features;
  if (to.dE.data) {
    work.dx.resize(x.features(), x.batch(), x.time());
    to_features.dx = work.dx.flat();
  }
  cuda::backward<Cell>(stack, std::as_const(work.x).view(), dy, dh, dc, to_features);
  if (to.dE.data) embedding_backward(device, x.tokens().tokens, std::as_const(work.dx).flat(), to.dE);
}

namespace cuda {

/// Explicit instantiation of this struct instantiates the functions.
template <class Cell, class Scalar>
struct StackInstances {
  static constexpr auto* kForward = &recurrent_stack_forward<Cell, Scalar>;
  static constexpr auto* kBackward = &recurrent_stack_backward<Cell, Scalar>;
};

template struct StackInstances<LstmCell, float>;
template struct StackInstances<LstmCell, double>;
template struct StackInstances<GruCell, float>;
template struct StackInstances<GruCell, double>;
template struct StackInstances<PeepholeLstmCell, float>;
template struct StackInstances<PeepholeLstmCell, double>;
template struct StackInstances<CoupledLstmCell, float>;
template struct StackInstances<CoupledLstmCell, double>;
template struct StackInstances<CoupledPeepholeLstmCell, float>;
template struct StackInstances<CoupledPeepholeLstmCell, double>;

}  // namespace cuda

}  // namespace rondo::inline RONDO_ABI
