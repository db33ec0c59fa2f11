// SPDX-License-Identifier: MIT
// The cell update of one column of the batch in the plain pass, forward and backward: the equations of the cell, with
// its options: peepholes, a layer norm of c between the cell update and the output, zoneout. Legend: H hidden units, N
// blocks of the cell, B batch.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/plain_products.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>
#include <rondo/math/cells/lstm_variants.hpp>
#include <rondo/math/equations.hpp>
#include <rondo/recurrent/cache.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI::detail {

/// N columns of `rows` values with distance `stride`: the blocks of a step, or the peepholes.
template <class T, std::size_t N>
struct Columns {
  decltype(column(static_cast<T*>(nullptr), 0)) at[N > 0 ? N : 1];

  Columns(T* data, Index rows, Index stride)
      : Columns(data, rows, stride, std::make_index_sequence<(N > 0 ? N : 1)>{}) {}

 private:
  template <std::size_t... I>
  Columns(T* data, Index rows, Index stride, std::index_sequence<I...>)
      : at{column(data ? data + static_cast<Index>(I) * stride : data, data ? rows : 0)...} {}
};

/// The peepholes (H x 3) as columns.
template <class Cell, class T>
Columns<T, Cell::kPeepholeCount> peepholes(MatrixView<T> p) {
  return {p.data, p.rows, p.stride};
}

/// The previous state of the cell at step t of sequence b (H x B): c(t-1), or h(t-1) for cells without c.
template <class Cell, class Scalar>
MatrixView<const Scalar> state_before(const RecurrentCache<Scalar>& cache, SequenceView<const Scalar> y,
                                      const Steps& steps, Index b, Index t) {
  const bool begins = steps.begins(b, t);
  if constexpr (Cell::kHasC)
    return begins ? cache.c0.at(0) : cache.c.at(steps.before(t));
  else
    return begins ? cache.h0.at(0) : y.at(steps.before(t));
}

/// (39) Zoneout: state = before + (1 - p) mask * (state - before). Without a mask, at inference, its mean 1 is used.
template <class State, class Before, class Scalar>
void zoneout_forward(State&& state, const Before& before, double p, const Sequence<Scalar>& mask, Index b, Index t) {
  const auto mean = static_cast<Scalar>(1 - p);
  if (mask.size() > 0)
    state = before + column_of(mask.at(t), b) * mean * (state - before);
  else
    state = before + mean * (state - before);
}

/// Backward of zoneout. d: on entry the gradient of the state after zoneout, on return that of the state before
/// zoneout. `kept` becomes the part that bypasses the cell: the gradient of the previous step's state.
template <class D, class Kept, class Scalar>
void zoneout_backward(D&& d, Kept&& kept, double p, const Sequence<Scalar>& mask, Index b, Index t) {
  const auto mean = static_cast<Scalar>(1 - p);
  kept = d;
  if (mask.size() > 0)
    d *= column_of(mask.at(t), b) * mean;
  else
    d *= mean;
  kept -= d;
}

/// Whether the pass computes the cell in two parts, update and output: if the cell is only defined that way, or if a
/// layer norm of c is between them.
template <class Cell, class Scalar>
bool uses_split_cell(const RecurrentWeights<const Scalar>& w) {
  return std::is_same_v<Cell, typename Cell::SplitCell> || (w.norm_c.data && !std::is_void_v<typename Cell::SplitCell>);
}

/// c after the cell update and before zoneout.
template <class Sequence>
auto& new_c(Sequence& c, Sequence& c_new, const PassOptions& options) {
  return options.zoneout_c > 0 ? c_new : c;
}

/// Forward of step t of sequence b. z (NH x B): on entry pre-activations, on return gates. Writes c and tanh(c) to the
/// cache and the cell output to h.
template <class Cell, class Scalar, class H>
void cell_forward(const RecurrentWeights<const Scalar>& w, const PassOptions& options, MatrixView<Scalar> z,
                  MatrixView<const Scalar> state_before, RecurrentCache<Scalar>& cache, H& h, Index b, Index t) {
  using equations::Equations;
  Columns<Scalar, Cell::kBlocks> gates(&z(0, b), w.shape.hidden, w.shape.hidden);
  const auto before = column_of(state_before, b);
  auto c = column_of(new_c(cache.c, cache.c_new, options).at(t), b), tanh_c = column_of(cache.tanh_c.at(t), b);
  if constexpr (!std::is_same_v<Cell, typename Cell::SplitCell>)
    if (!uses_split_cell<Cell>(w)) Equations<Cell>::forward(gates.at, before, c, tanh_c, h);  // (1)-(6)
  if constexpr (!std::is_void_v<typename Cell::SplitCell>)
    if (uses_split_cell<Cell>(w)) {
      using Parts = Equations<typename Cell::SplitCell>;
      const auto p = peepholes<Cell>(w.peepholes);
      Parts::update(gates.at, before, c, p.at);
      if (w.norm_c.data) {
        auto c_hat = column_of(cache.c_hat.at(t), b), c_out = column_of(cache.workspace.plain.normed_c.at(0), b);
        c_hat = c;
        rstd_of(cache.rstd, Norm::c)(0, b + cache.c_hat.batch() * t) = layer_norm(c_hat);
        c_out = column_of(w.norm_c, 0) * c_hat + column_of(w.norm_c, 1);  // (37)
        Parts::output(gates.at, c, c_out, tanh_c, h, p.at);
      } else {
        Parts::output(gates.at, c, c, tanh_c, h, p.at);
      }
    }
  if (Cell::kHasC && options.zoneout_c > 0) {
    column_of(cache.c.at(t), b) = c;
    zoneout_forward(column_of(cache.c.at(t), b), before, options.zoneout_c, cache.zoneout_mask_c, b, t);
  }
}

/// Backward of step t of sequence b. dh: gradient of the cell output. Writes dz_t (NH x B). dc: on entry the gradient
/// of the cell state after the step, on return that of the state before it. Adds to the gradients of peepholes and
/// norm_c.
template <class Cell, class Scalar, class Dh, class Dc>
void cell_backward(const RecurrentWeights<const Scalar>& w, const PassOptions& options,
                   MatrixView<const Scalar> state_before, RecurrentCache<Scalar>& cache,
                   const RecurrentWeights<Scalar>& grad, const Dh& dh, Dc& dc, MatrixView<Scalar> dz_t, Index b,
                   Index t) {
  using equations::Equations;
  const RecurrentCache<Scalar>& saved = cache;
  auto& work = cache.workspace.plain;
  const Index H = w.shape.hidden;
  const Columns<const Scalar, Cell::kBlocks> gates(&saved.gates(0, b, t), H, H);
  Columns<Scalar, Cell::kBlocks> dz(&dz_t(0, b), H, H);
  const auto before = column_of(state_before, b), tanh_c = column_of(saved.tanh_c.at(t), b);
  if (Cell::kHasC && options.zoneout_c > 0)
    zoneout_backward(dc, column_of(work.dc_bypass.at(0), b), options.zoneout_c, saved.zoneout_mask_c, b, t);
  if constexpr (!std::is_same_v<Cell, typename Cell::SplitCell>)
    if (!uses_split_cell<Cell>(w)) Equations<Cell>::backward(gates.at, before, tanh_c, dh, dc, dz.at);  // (9)-(14)
  if constexpr (!std::is_void_v<typename Cell::SplitCell>)
    if (uses_split_cell<Cell>(w)) {
      using Parts = Equations<typename Cell::SplitCell>;
      const auto p = peepholes<Cell>(w.peepholes);
      auto dp = peepholes<Cell>(grad.peepholes);
      const auto c = column_of(new_c(saved.c, saved.c_new, options).at(t), b);
      if (w.norm_c.data) {  // forward: c_out = gain * c_hat + shift
        const auto d_normed_c = work.d_normed_c.at(0).columns(b, 1);
        auto dc_out = column_of(d_normed_c, 0);
        dc_out.setZero();
        Parts::output_backward(gates.at, c, tanh_c, dh, dc_out, dc, dz.at, p.at, dp.at);
        column_of(grad.norm_c, 1) += dc_out;
        normed_backward<Scalar>(w.norm_c.columns(0, 1), saved.c_hat.at(t).columns(b, 1),
                                rstd_of(saved.rstd, Norm::c).columns(b + saved.c_hat.batch() * t, 1), d_normed_c,
                                grad.norm_c.columns(0, 1));
        dc += dc_out;
      } else {
        Parts::output_backward(gates.at, c, tanh_c, dh, dc, dc, dz.at, p.at, dp.at);
      }
      Parts::update_backward(gates.at, before, dc, dz.at, p.at, dp.at);
    }
  if (Cell::kHasC && options.zoneout_c > 0) dc += column_of(work.dc_bypass.at(0), b);
}

}  // namespace rondo::inline RONDO_ABI::detail
