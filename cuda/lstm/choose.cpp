// SPDX-License-Identifier: MIT
#include "choose.hpp"

#include "../runtime.hpp"
#include "words.hpp"

#include <type_traits>

namespace rondo::inline v0::cuda {

/// Nothing was measured on a GPU yet. Until then the walk is the one that is right by the least means; a walk enters
/// here with its figures, never before it has run.
LstmWalk measured_best(const DeviceInfo&, Precision, Index, Index, bool) { return LstmWalk::stepwise; }

namespace {

template <class Scalar>
Graph& graph_of(const ForwardArguments<Scalar>&, LstmWorkspace<Scalar, Cuda>& work) {
  return work.forward_graph;
}
template <class Scalar>
Graph& graph_of(const BackwardArguments<Scalar>&, LstmWorkspace<Scalar, Cuda>& work) {
  return work.backward_graph;
}

template <class Scalar>
const WordsOut& words_of(const ForwardArguments<Scalar>& a) {
  return a.h_words;
}
template <class Scalar>
const WordsOut& words_of(const BackwardArguments<Scalar>& a) {
  return a.dz_words;
}

/// The precision of the walk's products: what its words are, where it has words.
template <class Arguments>
Precision product_precision(const Arguments& a, Precision precision) {
  if (!words_of(a).data) return precision;
  return words_of(a).fp16 ? Precision::fp16 : Precision::bf16;
}

}  // namespace

template <class Arguments, class Scalar>
void walk(const Arguments& a, Precision asked, MatrixView<const Scalar> R, LstmWorkspace<Scalar, Cuda>& work) {
  Context::Impl& current = context();
  constexpr bool backward = std::is_same_v<Arguments, BackwardArguments<Scalar>>;
  const Precision precision = product_precision(a, asked);
  LstmWalk& chosen = current.last_walk = current.walk;
  if (chosen == LstmWalk::automatic) chosen = measured_best(current.device, precision, a.H, a.B, backward);
  if (a.T == 0 || a.B == 0) chosen = LstmWalk::stepwise;
  const bool whole = a.first == 0 && a.last == a.T + (backward ? 1 : 0);

  if constexpr (std::is_same_v<Scalar, float>) {
    if (chosen == LstmWalk::cluster_persistent) {
      if (enqueue_cluster_persistent(a, precision)) return;
      chosen = LstmWalk::grid_persistent;
    }
    if (chosen == LstmWalk::grid_persistent) {
      work.barrier.resize(1);
      if (enqueue_grid_persistent(a, precision, work.barrier.data())) return;
      chosen = LstmWalk::graph;
    }
  } else if (chosen != LstmWalk::stepwise) {
    chosen = LstmWalk::graph;
  }

  const std::uint16_t* R_words = nullptr;
  if constexpr (std::is_same_v<Scalar, float>)
    if (words_of(a).data) {
      work.R_words.resize(R.rows * R.cols);
      round_to_words(R, words_of(a).fp16, work.R_words.data());
      R_words = work.R_words.data();
    }
  if (!whole) chosen = LstmWalk::stepwise;  // a graph for each piece of a wavefront would be captured to be used once
  if (chosen == LstmWalk::stepwise) return enqueue_stepwise(a, precision, R_words);
  struct Key {
    Arguments a;
    Precision precision;
    const std::uint16_t* R_words;
    bool operator==(const Key&) const = default;
  };
  graph_of(a, work).run(Key{a, precision, R_words}, [&] { enqueue_stepwise(a, precision, R_words); });
}

template void walk(const ForwardArguments<float>&, Precision, MatrixView<const float>, LstmWorkspace<float, Cuda>&);
template void walk(const ForwardArguments<double>&, Precision, MatrixView<const double>, LstmWorkspace<double, Cuda>&);
template void walk(const BackwardArguments<float>&, Precision, MatrixView<const float>, LstmWorkspace<float, Cuda>&);
template void walk(const BackwardArguments<double>&, Precision, MatrixView<const double>, LstmWorkspace<double, Cuda>&);

}  // namespace rondo::inline v0::cuda
