// SPDX-License-Identifier: MIT
// The stepwise algorithm: for each step one product by cuBLAS and one kernel for all cells; with a projection a second
// product. The simplest algorithm; it supports any cell, direction and shape, and double.
#include "../ops/elements.cuh"
#include "../ops/gemm.hpp"
#include "cells.cuh"

namespace rondo::inline RONDO_ABI::cuda {

namespace {

/// The cells of the first `columns` columns of step s, one thread each. `product`: kProductsPerUnit blocks of H rows.
template <class Cells>
__global__ void step(Cells cells, Index s, Index columns, const typename Cells::Scalar* product) {
  using Scalar = typename Cells::Scalar;
  for_each_element(cells.a.H, columns, [&](Index u, Index b) {
    Scalar sums[Cells::kSumsPerUnit];
    cells.begin_sums(u, sums);
    for (int n = 0; n < Cells::kProductsPerUnit; ++n)
      sums[n] += product[u + cells.a.H * (n + Cells::kProductsPerUnit * b)];
    const auto results = cells.compute(s, cells.load(s, u, b), sums);
    cells.publish(s, u, b, results);
    cells.store(s, u, b, results);
  });
}

/// After the projection: completes h of step s as the operand of the next step. In padding h is zero already, or
/// becomes h0 where a sequence starts at the next step.
template <class Scalar>
__global__ void finish_projection(ForwardArguments<Scalar> a, Index s) {
  const Index t = a.step_order.time(s);
  for_each_element(a.P, a.step_order.B, [&](Index p, Index b) {
    Scalar& h = a.y(p, b + a.step_order.B * t);
    if (!a.step_order.active(b, t) && a.step_order.holds_initial_state(b, t)) h = a.h0[p + a.P * b];
    if constexpr (sizeof(Scalar) == 4) store_low_precision(a.h_low, p + a.P * (b + a.step_order.B * (s + 1)), h);
  });
}

/// Backward of a projection, before its product: the gradient of h(t), and one step before the first that of h0.
template <class Scalar>
__global__ void sum_dh(BackwardArguments<Scalar> a, Index s) {
  const StepOrder& step_order = a.step_order;
  const Index t = step_order.backward_time(s);
  for_each_element(a.P, step_order.B, [&](Index p, Index b) {
    const Index state = p + a.P * b;
    const Scalar dh = step_order.ends(b, t) ? a.dh_end[state] : a.dh[state];
    if (step_order.holds_initial_state(b, t)) a.dh_end[state] = dh;
    if (s == step_order.T) return;
    const Index column = b + step_order.B * t, at = p + a.P * column;
    const Scalar total =
        step_order.active(b, t) ? a.dy(p, column) + dh : Scalar(0);  // (8) forward: y = h, and step t+1
    a.dh_total[at] = total;
    if constexpr (sizeof(Scalar) == 4) store_low_precision(a.dh_low, at, total);
  });
}

/// The products of one step with R and the projection.
template <class Scalar>
class StepProducts {
 public:
  /// R is GH x P, the projection P x H or null.
  StepProducts(Precision precision, Index GH, Index P, Index H, const Scalar* R, const Scalar* projection,
               const LowPrecisionWeights& low)
      : low_(low.R != nullptr),
        types_(low_ ? gemm_types_of_16_bit(precision == Precision::fp16) : gemm_types_of<Scalar>(precision)),
        R_{low_ ? static_cast<const void*>(low.R) : R, GH, P, GH},
        projection_{low_ ? static_cast<const void*>(low.projection) : projection, P, H, P} {}

  /// `values` or, if products round, the 16-bit operand at low.data[at].
  GemmOperand operand(Columns<const Scalar> values, const LowPrecision& low, Index at, Index low_stride, Index rows,
                      Index cols) const {
    if (low_) return {low.data + at, rows, cols, low_stride};
    return {values.data, rows, cols, values.stride};
  }
  /// c = op(R) b.
  void by_R(Op op, const GemmOperand& b, Scalar* c, Index stride) const {
    multiply(types_, op, Op::none, R_, b, 0, c, stride, op == Op::none ? R_.rows : R_.cols, b.cols);
  }
  void by_projection(Op op, const GemmOperand& b, Scalar* c, Index stride) const {
    multiply(types_, op, Op::none, projection_, b, 0, c, stride, op == Op::none ? projection_.rows : projection_.cols,
             b.cols);
  }

 private:
  bool low_;
  GemmTypes types_;
  GemmOperand R_, projection_;
};

template <class Arguments>
Index needed_columns(const Arguments& a, Index s, std::span<const std::int32_t> needed) {
  return needed.empty() ? a.step_order.B : needed[static_cast<std::size_t>(a.time(s) + 1)];
}

template <bool kLow, class Cell, class Scalar>
void enqueue(const ForwardArguments<Scalar>& a, Precision precision, const LowPrecisionWeights& low,
             std::span<const std::int32_t> needed) {
  const Index H = a.H, P = a.P, B = a.step_order.B;
  const StepProducts<Scalar> products(precision, Cell::kGates * H, P, H, a.R, a.projection, low);
  const bool finishes = a.projection && (a.h_low.data || (a.step_order.reverse && a.step_order.lengths));
  for (Index s = 0; s < a.steps(); ++s) {
    const Index t = a.step_order.time(s), n = needed_columns(a, s, needed);
    if (n == 0) continue;
    const Columns<const Scalar> h_before =
        s > 0 ? Columns<const Scalar>{&a.y(0, B * a.step_order.before(t)), a.y.stride} : Columns<const Scalar>{a.h0, P};
    // (0) R h(t-1)
    products.by_R(Op::none, products.operand(h_before, a.h_low, P * B * s, P, P, n), a.product, Cell::kGates * H);
    launch("recurrent forward step", step<ForwardCells<Cell, Scalar, kLow>>, per_element_config(H * n),
           ForwardCells<Cell, Scalar, kLow>{a}, s, n, a.product);
    if (!a.projection) continue;
    // h = projection * m
    products.by_projection(Op::none, products.operand({a.m + H * B * t, H}, a.m_low, 0, H, H, B), &a.y(0, B * t),
                           a.y.stride);
    if (finishes) launch("finish projection", finish_projection<Scalar>, per_element_config(P * B), a, s);
  }
}

template <bool kLow, class Cell, class Scalar>
void enqueue(const BackwardArguments<Scalar>& a, Precision precision, const LowPrecisionWeights& low,
             std::span<const std::int32_t> needed) {
  const Index H = a.H, P = a.P, B = a.step_order.B, GH = Cell::kGates * H, NH = Cell::kBlocks * H;
  const StepProducts<Scalar> products(precision, GH, P, H, a.R, a.projection, low);
  for (Index s = 0; s < a.steps(); ++s) {
    const Index t = a.step_order.backward_time(s), n = needed_columns(a, s, needed);
    if (n == 0) continue;
    if (a.projection) {
      launch("recurrent backward step, dh", sum_dh<Scalar>, per_element_config(P * B), a, s);
      if (s == a.step_order.T) break;
      // dm = projection^T dh; forward: h = projection * m
      products.by_projection(Op::transpose, products.operand({a.dh_total + P * B * t, P}, a.dh_low, P * B * t, P, P, B),
                             a.dm, H);
    }
    launch("recurrent backward step", step<BackwardCells<Cell, Scalar, kLow>>, per_element_config(H * n),
           BackwardCells<Cell, Scalar, kLow>{a}, s, n, a.projection ? a.dm : a.dh);
    if (s == a.step_order.T) break;
    // (15) dh(t-1) = R^T dz(t)
    const Columns<const Scalar> dz{kLow ? nullptr : a.dz + NH * B * t, NH};
    products.by_R(Op::transpose, products.operand(dz, a.dz_low, NH * B * t, NH, GH, n), a.dh, P);
  }
}

}  // namespace

template <class Cell, class Scalar>
void enqueue_stepwise(const ForwardArguments<Scalar>& a, Precision precision, const LowPrecisionWeights& low,
                      std::span<const std::int32_t> needed) {
  if constexpr (sizeof(Scalar) == 4)
    if (a.h_low.data) return enqueue<true, Cell>(a, precision, low, needed);
  enqueue<false, Cell>(a, precision, low, needed);
}

template <class Cell, class Scalar>
void enqueue_stepwise(const BackwardArguments<Scalar>& a, Precision precision, const LowPrecisionWeights& low,
                      std::span<const std::int32_t> needed) {
  if constexpr (sizeof(Scalar) == 4)
    if (a.dz_low.data) return enqueue<true, Cell>(a, precision, low, needed);
  enqueue<false, Cell>(a, precision, low, needed);
}

template void enqueue_stepwise<LstmCell>(const ForwardArguments<float>&, Precision, const LowPrecisionWeights&,
                                         std::span<const std::int32_t>);
template void enqueue_stepwise<LstmCell>(const ForwardArguments<double>&, Precision, const LowPrecisionWeights&,
                                         std::span<const std::int32_t>);
template void enqueue_stepwise<LstmCell>(const BackwardArguments<float>&, Precision, const LowPrecisionWeights&,
                                         std::span<const std::int32_t>);
template void enqueue_stepwise<LstmCell>(const BackwardArguments<double>&, Precision, const LowPrecisionWeights&,
                                         std::span<const std::int32_t>);
template void enqueue_stepwise<GruCell>(const ForwardArguments<float>&, Precision, const LowPrecisionWeights&,
                                        std::span<const std::int32_t>);
template void enqueue_stepwise<GruCell>(const ForwardArguments<double>&, Precision, const LowPrecisionWeights&,
                                        std::span<const std::int32_t>);
template void enqueue_stepwise<GruCell>(const BackwardArguments<float>&, Precision, const LowPrecisionWeights&,
                                        std::span<const std::int32_t>);
template void enqueue_stepwise<GruCell>(const BackwardArguments<double>&, Precision, const LowPrecisionWeights&,
                                        std::span<const std::int32_t>);
template void enqueue_stepwise<PeepholeLstmCell>(const ForwardArguments<float>&, Precision, const LowPrecisionWeights&,
                                                 std::span<const std::int32_t>);
template void enqueue_stepwise<PeepholeLstmCell>(const ForwardArguments<double>&, Precision, const LowPrecisionWeights&,
                                                 std::span<const std::int32_t>);
template void enqueue_stepwise<PeepholeLstmCell>(const BackwardArguments<float>&, Precision, const LowPrecisionWeights&,
                                                 std::span<const std::int32_t>);
template void enqueue_stepwise<PeepholeLstmCell>(const BackwardArguments<double>&, Precision,
                                                 const LowPrecisionWeights&, std::span<const std::int32_t>);
template void enqueue_stepwise<CoupledLstmCell>(const ForwardArguments<float>&, Precision, const LowPrecisionWeights&,
                                                std::span<const std::int32_t>);
template void enqueue_stepwise<CoupledLstmCell>(const ForwardArguments<double>&, Precision, const LowPrecisionWeights&,
                                                std::span<const std::int32_t>);
template void enqueue_stepwise<CoupledLstmCell>(const BackwardArguments<float>&, Precision, const LowPrecisionWeights&,
                                                std::span<const std::int32_t>);
template void enqueue_stepwise<CoupledLstmCell>(const BackwardArguments<double>&, Precision, const LowPrecisionWeights&,
                                                std::span<const std::int32_t>);
template void enqueue_stepwise<CoupledPeepholeLstmCell>(const ForwardArguments<float>&, Precision,
                                                        const LowPrecisionWeights&, std::span<const std::int32_t>);
template void enqueue_stepwise<CoupledPeepholeLstmCell>(const ForwardArguments<double>&, Precision,
                                                        const LowPrecisionWeights&, std::span<const std::int32_t>);
template void enqueue_stepwise<CoupledPeepholeLstmCell>(const BackwardArguments<float>&, Precision,
                                                        const LowPrecisionWeights&, std::span<const std::int32_t>);
template void enqueue_stepwise<CoupledPeepholeLstmCell>(const BackwardArguments<double>&, Precision,
                                                        const LowPrecisionWeights&, std::span<const std::int32_t>);

}  // namespace rondo::inline RONDO_ABI::cuda
