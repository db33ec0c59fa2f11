// SPDX-License-Identifier: MIT
// Layers as a wavefront: the sequence is cut into pieces, and layer l may run piece k once it has run piece k-1 and the
// layer below has run piece k. Every layer has a lane, a context with a stream of its own; events order the lanes.
// Coming back the same from the top and from the end.
//
//   lane 0   piece 0   piece 1   piece 2
//   lane 1             piece 0   piece 1   piece 2
#include "../runtime.hpp"
#include "pass.hpp"

#include <rondo/cuda/verbs.hpp>
#include <rondo/cuda/wavefront.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace rondo::inline v0 {

namespace cuda {

namespace {

class Event {
 public:
  Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// What comes next on `waiting` comes after all that is on `done` now.
  void order(cudaStream_t done, cudaStream_t waiting) {
    check(cudaEventRecord(event_, done), "cudaEventRecord");
    check(cudaStreamWaitEvent(waiting, event_, 0), "cudaStreamWaitEvent");
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// A lane for each layer: the calling thread's context and as many more of its kind as it takes.
class Lanes {
 public:
  explicit Lanes(std::size_t count) {
    Context& caller = Context::current();
    lanes_.push_back(&caller);
    auto& more = caller.impl().lanes;
    while (more.size() + 1 < count) more.push_back(std::make_unique<Context>());
    for (std::size_t l = 1; l < count; ++l) {
      more[l - 1]->set_lstm_walk(caller.lstm_walk());
      lanes_.push_back(more[l - 1].get());
      event_.order(caller.stream(), lanes_[l]->stream());
    }
  }

  Context& operator[](std::size_t l) { return *lanes_[l]; }

  /// Lane `later` goes on after all that `sooner` has to do now.
  void order(std::size_t sooner, std::size_t later) { event_.order(lanes_[sooner]->stream(), lanes_[later]->stream()); }

  /// The caller's stream goes on after all lanes.
  void join() {
    for (std::size_t l = lanes_.size() - 1; l > 0; --l) order(l, 0);
    lanes_[0]->impl().last_walk = lanes_.back()->last_walk();
  }

 private:
  std::vector<Context*> lanes_;
  Event event_;
};

/// f(first, last) for pieces of `steps` of [0, T); of nothing one empty piece.
template <class F>
void for_each_piece(Index T, Index steps, F&& f) {
  if (T == 0) f(Index{0}, Index{0});
  for (Index first = 0; first < T; first += steps) f(first, std::min(first + steps, T));
}

/// The numbers of a piece, from a generator that the whole sequence would have drawn from.
Rng ahead(const Rng& rng, Index numbers) {
  Rng::State state = rng.state();
  state.drawn += static_cast<std::uint64_t>(numbers);
  return Rng(state);
}

}  // namespace

}  // namespace cuda

bool layers_run_together(Cuda, Index layers) { return layers > 1 && cuda::Context::current().wavefront() > 0; }

template <class Scalar>
void lstm_stack_forward(Cuda device, const LstmStack<Scalar, Cuda>& stack, const Sequence<Scalar, Cuda>& x,
                        Sequence<Scalar, Cuda>& h, Sequence<Scalar, Cuda>& c, Rng* dropout_rng) {
  const std::size_t L = stack.weights.size();
  const Index H = stack.weights[0].R.cols, B = x.batch(), T = x.time();
  const bool drops = stack.dropout > 0;
  cuda::Lanes lanes(L);
  std::vector<cuda::ForwardPass<Scalar>> passes;
  std::vector<Rng> generators;  // of the masks below each layer but the lowest: each draws H numbers a column
  passes.reserve(L);
  for (std::size_t l = 0; l < L; ++l) {
    const cuda::Use use(lanes[l]);
    auto& cache = stack.caches[l];
    cache.resize(H, B, T, x.lengths());
    copy(device, h.at(static_cast<Index>(l)), cache.h0.at(0));
    copy(device, c.at(static_cast<Index>(l)), cache.c0.at(0));
    if (l > 0 && drops) {
      for (auto* s : {&stack.dropouts[l - 1].mask, &stack.dropouts[l - 1].y}) s->resize_like(x, H);
      generators.push_back(cuda::ahead(*dropout_rng, static_cast<Index>(l - 1) * H * B * T));
    }
    const auto& below = l == 0 ? x : drops ? stack.dropouts[l - 1].y : stack.caches[l - 1].y;
    passes.emplace_back(stack.precision, stack.weights[l], below, cache);
  }
  cuda::for_each_piece(T, lanes[0].wavefront(), [&](Index first, Index last) {
    for (std::size_t l = 0; l < L; ++l) {
      const cuda::Use use(lanes[l]);
      if (l > 0) lanes.order(l - 1, l);
      if (l > 0 && drops) {
        const auto piece = [&](auto&& s) { return s.flat().columns(B * first, B * (last - first)); };
        auto& between = stack.dropouts[l - 1];
        dropout_forward(device, stack.dropout, generators[l - 1], piece(std::as_const(stack.caches[l - 1].y)),
                        piece(between.mask), piece(between.y));
      }
      passes[l].run(first, last);
    }
  });
  for (std::size_t l = 0; l < L; ++l) {
    const cuda::Use use(lanes[l]);
    lstm_final_state(device, stack.caches[l], h.at(static_cast<Index>(l)), c.at(static_cast<Index>(l)));
  }
  lanes.join();
  if (drops) *dropout_rng = cuda::ahead(*dropout_rng, static_cast<Index>(L - 1) * H * B * T);
}

template <class Scalar>
void lstm_stack_backward(Cuda device, const LstmStack<Scalar, Cuda>& stack, const Sequence<Scalar, Cuda>& x,
                         const Sequence<Scalar, Cuda>& dy, Sequence<Scalar, Cuda>& dh, Sequence<Scalar, Cuda>& dc,
                         Sequence<Scalar, Cuda>* dx) {
  const std::size_t L = stack.weights.size();
  const Index H = stack.weights[0].R.cols, B = x.batch(), T = x.time();
  const bool drops = stack.dropout > 0;
  if (dx) dx->resize_like(x, x.features());
  // Lane n has layer L - 1 - n. What a layer passes down, H x B x T, is in the workspace of the one below.
  cuda::Lanes lanes(L);
  std::vector<cuda::BackwardPass<Scalar>> passes;
  passes.reserve(L);
  for (std::size_t n = 0; n < L; ++n) {
    const std::size_t l = L - 1 - n;
    const cuda::Use use(lanes[n]);
    const auto& below = l == 0 ? x : drops ? stack.dropouts[l - 1].y : stack.caches[l - 1].y;
    auto* d_below = l == 0 ? dx : &stack.caches[l - 1].workspace.dy;
    if (l > 0) d_below->resize_like(x, H);
    const auto& d_above = n == 0 ? dy : stack.caches[l].workspace.dy;
    passes.emplace_back(stack.precision, stack.weights[l], below, d_above, stack.caches[l], stack.gradients[l],
                        dh.at(static_cast<Index>(l)), dc.at(static_cast<Index>(l)), d_below);
  }
  cuda::for_each_piece(T, lanes[0].wavefront(), [&](Index from_end, Index to_end) {
    const Index first = T - to_end, last = T - from_end;
    for (std::size_t n = 0; n < L; ++n) {
      const std::size_t l = L - 1 - n;
      const cuda::Use use(lanes[n]);
      if (n > 0) lanes.order(n - 1, n);
      passes[n].run(first, last);
      if (l > 0 && drops) {
        const auto piece = [&](auto&& s) { return s.flat().columns(B * first, B * (last - first)); };
        dropout_backward(device, piece(std::as_const(stack.dropouts[l - 1].mask)),
                         piece(stack.caches[l - 1].workspace.dy));
      }
    }
  });
  for (std::size_t n = 0; n < L; ++n) {
    const cuda::Use use(lanes[n]);
    passes[n].finish();
  }
  lanes.join();
}

template <class Scalar>
void lstm_stack_forward(Cuda device, const LstmStack<Scalar, Cuda>& stack, const TokenInput<Scalar, Cuda>& x,
                        Sequence<Scalar, Cuda>& h, Sequence<Scalar, Cuda>& c, Rng* dropout_rng) {
  auto& features = stack.caches[0].workspace.x;
  features.resize(x.E.rows, x.batch, x.time);
  embedding_forward(device, x.E, x.tokens, features.flat());
  lstm_stack_forward(device, stack, std::as_const(features), h, c, dropout_rng);
}

template <class Scalar>
void lstm_stack_backward(Cuda device, const LstmStack<Scalar, Cuda>& stack, const TokenInput<Scalar, Cuda>& x,
                         const Sequence<Scalar, Cuda>& dy, Sequence<Scalar, Cuda>& dh, Sequence<Scalar, Cuda>& dc,
                         MatrixView<Scalar> dE) {
  auto& work = stack.caches[0].workspace;
  lstm_stack_backward(device, stack, std::as_const(work.x), dy, dh, dc, &work.dx);
  embedding_backward(device, x.tokens, std::as_const(work.dx).flat(), dE);
}

template void lstm_stack_forward(Cuda, const LstmStack<float, Cuda>&, const Sequence<float, Cuda>&,
                                 Sequence<float, Cuda>&, Sequence<float, Cuda>&, Rng*);
template void lstm_stack_forward(Cuda, const LstmStack<double, Cuda>&, const Sequence<double, Cuda>&,
                                 Sequence<double, Cuda>&, Sequence<double, Cuda>&, Rng*);
template void lstm_stack_forward(Cuda, const LstmStack<float, Cuda>&, const TokenInput<float, Cuda>&,
                                 Sequence<float, Cuda>&, Sequence<float, Cuda>&, Rng*);
template void lstm_stack_forward(Cuda, const LstmStack<double, Cuda>&, const TokenInput<double, Cuda>&,
                                 Sequence<double, Cuda>&, Sequence<double, Cuda>&, Rng*);
template void lstm_stack_backward(Cuda, const LstmStack<float, Cuda>&, const Sequence<float, Cuda>&,
                                  const Sequence<float, Cuda>&, Sequence<float, Cuda>&, Sequence<float, Cuda>&,
                                  Sequence<float, Cuda>*);
template void lstm_stack_backward(Cuda, const LstmStack<double, Cuda>&, const Sequence<double, Cuda>&,
                                  const Sequence<double, Cuda>&, Sequence<double, Cuda>&, Sequence<double, Cuda>&,
                                  Sequence<double, Cuda>*);
template void lstm_stack_backward(Cuda, const LstmStack<float, Cuda>&, const TokenInput<float, Cuda>&,
                                  const Sequence<float, Cuda>&, Sequence<float, Cuda>&, Sequence<float, Cuda>&,
                                  MatrixView<float>);
template void lstm_stack_backward(Cuda, const LstmStack<double, Cuda>&, const TokenInput<double, Cuda>&,
                                  const Sequence<double, Cuda>&, Sequence<double, Cuda>&, Sequence<double, Cuda>&,
                                  MatrixView<double>);

}  // namespace rondo::inline v0
