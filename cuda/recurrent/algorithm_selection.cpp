// SPDX-License-Identifier: MIT
#include "algorithm_selection.hpp"

#include "../runtime.hpp"
#include "choice.hpp"
#include "operands.hpp"

#include <rondo/math/cells/lstm_variants.hpp>

#include <cstdint>
#include <type_traits>

namespace rondo::inline RONDO_ABI::cuda {

template <class Cell, class Scalar>
bool persistent_supports(const RecurrentShape& shape) {
  return kCellKernels<Cell>.persistent && std::is_same_v<Scalar, float> && !shape.projects();
}

namespace {

/// Whether there are kernels of the dataflow-persistent algorithm for this cell.
template <class Cell, class Scalar>
constexpr bool kHasDataflow = kCellKernels<Cell>.dataflow&& std::is_same_v<Scalar, float>;

template <class Arguments, class Scalar>
GraphCache& graphs_of(RecurrentWorkspace<Scalar, Cuda>& work) {
  return kIsBackward<Arguments> ? work.backward_graphs : work.forward_graphs;
}

template <class Scalar>
const LowPrecision& operands_of(const ForwardArguments<Scalar>& a) {
  return a.h_low;
}
template <class Scalar>
const LowPrecision& operands_of(const BackwardArguments<Scalar>& a) {
  return a.dz_low;
}

/// The precision of an algorithm's products: that of its operands if they have 16 bits.
template <class Arguments>
Precision product_precision(const Arguments& a, Precision precision) {
  if (!operands_of(a).data) return precision;
  return operands_of(a).fp16 ? Precision::fp16 : Precision::bf16;
}

/// If H and y's stride are multiples of 4, the persistent algorithms read rows of y 16 bytes at a time, which requires
/// an aligned y.
template <class Scalar>
bool is_aligned(const ForwardArguments<Scalar>& a) {
  return a.H % 4 != 0 || a.y.stride % 4 != 0 || reinterpret_cast<std::uintptr_t>(a.y.data) % 16 == 0;
}
template <class Scalar>
bool is_aligned(const BackwardArguments<Scalar>&) {
  return true;
}

/// a, rounded to the type of the operands.
const std::uint16_t* rounded(MatrixView<const float> a, bool fp16, Buffer<std::uint16_t, Cuda>& to) {
  to.resize(a.rows * a.cols);
  round_to_low(a, fp16, to.data());
  return to.data();
}

/// The requested algorithm, if the layer supports it; else the next simpler one. `automatic` stays where a choice can
/// be tried: for layers in float without a projection.
template <class Cell, class Scalar>
RecurrentAlgorithm requested_algorithm(const RecurrentShape& shape) {
  const RecurrentAlgorithm requested = context().algorithm;
  if (requested == RecurrentAlgorithm::automatic)
    return std::is_same_v<Scalar, float> && !shape.projects() ? requested : RecurrentAlgorithm::stepwise;
  if (persistent_supports<Cell, Scalar>(shape) || requested == RecurrentAlgorithm::stepwise) return requested;
  if (requested == RecurrentAlgorithm::dataflow_persistent && kHasDataflow<Cell, Scalar> && !shape.projects())
    return requested;
  return RecurrentAlgorithm::graph;
}

}  // namespace

template <class Cell, class Scalar>
RecurrentAlgorithm predicted_algorithm(const RecurrentShape& shape, Precision precision) {
  const RecurrentAlgorithm requested = requested_algorithm<Cell, Scalar>(shape);
  if (requested == RecurrentAlgorithm::automatic) return known_choice(Cell::kName, shape.hidden, precision);
  if (requested == RecurrentAlgorithm::stepwise || requested == RecurrentAlgorithm::graph) return requested;
  if constexpr (kHasDataflow<Cell, Scalar>)
    if (requested == RecurrentAlgorithm::dataflow_persistent &&
        dataflow_persistent_fits<Cell>(shape.hidden, 1, precision))
      return requested;
  if (!persistent_supports<Cell, Scalar>(shape)) return RecurrentAlgorithm::graph;
  if (requested != RecurrentAlgorithm::grid_persistent && cluster_persistent_fits(shape.hidden, 1, precision))
    return RecurrentAlgorithm::cluster_persistent;
  return grid_persistent_fits(shape.hidden, 1, precision) ? RecurrentAlgorithm::grid_persistent
                                                          : RecurrentAlgorithm::graph;
}

template <class Cell, class Arguments, class Scalar>
void run_algorithm(const Arguments& a, Precision requested, const RecurrentWeights<const Scalar>& w,
                   RecurrentWorkspace<Scalar, Cuda>& work, std::span<const std::int32_t> needed) {
  const Precision precision = product_precision(a, requested);
  RecurrentAlgorithm& chosen = context().last_algorithm;
  chosen = requested_algorithm<Cell, Scalar>(w.shape);
  if (a.step_order.T == 0 || a.step_order.B == 0 || a.H == 0) chosen = RecurrentAlgorithm::stepwise;
  if constexpr (std::is_same_v<Scalar, float>)
    if (chosen == RecurrentAlgorithm::automatic) chosen = choose_algorithm<Cell>(a, precision);

  if constexpr (kHasDataflow<Cell, Scalar>)
    if (chosen == RecurrentAlgorithm::dataflow_persistent) {
      if (enqueue_dataflow_persistent<Cell>(a, precision)) return;
      chosen = persistent_supports<Cell, Scalar>(w.shape) ? RecurrentAlgorithm::cluster_persistent
                                                          : RecurrentAlgorithm::graph;
    }
  if constexpr (std::is_same_v<Scalar, float>) {
    if (chosen == RecurrentAlgorithm::cluster_persistent) {
      if (is_aligned(a) && enqueue_cluster_persistent(a, precision)) return;
      chosen = RecurrentAlgorithm::grid_persistent;
    }
    if (chosen == RecurrentAlgorithm::grid_persistent) {
      work.barrier.resize(1);
      if (is_aligned(a) && enqueue_grid_persistent(a, precision, work.barrier.data())) return;
      chosen = RecurrentAlgorithm::graph;
    }
  }

  LowPrecisionWeights low;
  if constexpr (std::is_same_v<Scalar, float>)
    if (const LowPrecision& operands = operands_of(a); operands.data) {
      low.R = rounded(w.R, operands.fp16, work.R_low);
      if (w.projection.data) low.projection = rounded(w.projection, operands.fp16, work.projection_low);
    }
  if (chosen == RecurrentAlgorithm::stepwise) return enqueue_stepwise<Cell>(a, precision, low, needed);
  struct Key {
    Arguments a;
    Precision precision;
    LowPrecisionWeights low;
    bool operator==(const Key&) const = default;
  };
  // A graph serves batches of any lengths, so it skips nothing.
  graphs_of<Arguments>(work).run(Key{a, precision, low}, [&] { enqueue_stepwise<Cell>(a, precision, low, {}); });
}

/// Explicit instantiation of this struct instantiates the functions.
template <class Cell, class Scalar>
struct AlgorithmInstances {
  static constexpr auto* kRunForward = &run_algorithm<Cell, ForwardArguments<Scalar>, Scalar>;
  static constexpr auto* kRunBackward = &run_algorithm<Cell, BackwardArguments<Scalar>, Scalar>;
  static constexpr auto* kPredicted = &predicted_algorithm<Cell, Scalar>;
};

template struct AlgorithmInstances<LstmCell, float>;
template struct AlgorithmInstances<LstmCell, double>;
template struct AlgorithmInstances<GruCell, float>;
template struct AlgorithmInstances<GruCell, double>;
template struct AlgorithmInstances<PeepholeLstmCell, float>;
template struct AlgorithmInstances<PeepholeLstmCell, double>;
template struct AlgorithmInstances<CoupledLstmCell, float>;
template struct AlgorithmInstances<CoupledLstmCell, double>;
template struct AlgorithmInstances<CoupledPeepholeLstmCell, float>;
template struct AlgorithmInstances<CoupledPeepholeLstmCell, double>;

}  // namespace rondo::inline RONDO_ABI::cuda
