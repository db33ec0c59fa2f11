// SPDX-License-Identifier: MIT
// One recurrent layer over a sequence on the CPU, in one direction, forward and backward: the plain pass, meant to be
// read. The equations of each cell are in math/cells/; here stands what is linear and the loop over time.
//
//   forward     Z = W X + b for all steps in one product, then for each step Z(t) += R h(t-1) and the cell
//   backward    for each step, last first, the cell backward and dh(t-1) = R^T dz(t);
//               then dW = dZ X^T, dR = dZ Hbefore^T, db = the sum of dZ's columns, dX = W^T dZ, each in one product
//
// t-1 is the step visited before t: in a reverse pass, t+1. See docs/01-lstm.md and docs/02-backprop-through-time.md.
#pragma once

#include <rondo/core/recurrent_cache.hpp>
#include <rondo/core/recurrent_input.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/recurrent_layer_norm.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>
#include <rondo/math/equations.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace rondo::inline v0 {

namespace detail {

/// The N blocks of one column, each `H` contiguous values.
template <class T, std::size_t N>
struct Blocks {
  decltype(column(static_cast<T*>(nullptr), 0)) at[N];

  Blocks(T* z, Index H) : Blocks(z, H, std::make_index_sequence<N>{}) {}

 private:
  template <std::size_t... I>
  Blocks(T* z, Index H, std::index_sequence<I...>) : at{column(z + static_cast<Index>(I) * H, H)...} {}
};

/// Whether the pass takes a cell in its two parts: where it has no other text, or a layer norm stands between them.
template <class Cell, class Scalar>
bool in_parts(const RecurrentWeights<const Scalar>& w) {
  return std::is_same_v<Cell, typename Cell::InParts> || (w.norm_c.data && !std::is_void_v<typename Cell::InParts>);
}

/// f(rows of a (GH x n), rows of Z (NH x n)) for the gates of W and the blocks that they are added to.
template <class Cell, class T, class U, class F>
void for_each_input_run(MatrixView<T> a, MatrixView<U> Z, Index H, F&& f) {
  for (const GateRun& run : Cell::kInputRuns)
    f(a.row_block(run.gate * H, run.count * H), Z.row_block(run.block * H, run.count * H));
}

/// The N columns of a matrix, e.g. the peepholes.
template <class T, std::size_t N>
struct Columns {
  decltype(column(static_cast<T*>(nullptr), 0)) at[N > 0 ? N : 1];

  explicit Columns(MatrixView<T> a) : Columns(a, std::make_index_sequence<(N > 0 ? N : 1)>{}) {}

 private:
  template <std::size_t... I>
  Columns(MatrixView<T> a, std::index_sequence<I...>)
      : at{column(a.data ? a.data + static_cast<Index>(I) * a.stride : nullptr, a.rows)...} {}
};

/// The state (H x B) that the cell itself goes on from at step t of sequence b: c(t-1), or h(t-1) of a cell without c.
template <class Cell, class Scalar>
MatrixView<const Scalar> state_before(const RecurrentCache<Scalar>& cache, SequenceView<const Scalar> y,
                                      const Steps& steps, Index b, Index t) {
  const bool begins = steps.begins(b, t);
  if constexpr (Cell::kHasC)
    return begins ? cache.c0.at(0) : cache.c.at(steps.before(t));
  else
    return begins ? cache.h0.at(0) : y.at(steps.before(t));
}

/// Zoneout: state(b) = before + share * (state(b) - before), with the share that the mask leaves or, without one, its
/// mean.
template <class State, class Before, class Scalar>
void zone_out(State&& state, const Before& before, double p, const Sequence<Scalar>& mask, Index b, Index t) {
  const auto mean = static_cast<Scalar>(1 - p);
  if (mask.size() > 0)
    state = before + column_of(mask.at(t), b) * mean * (state - before);
  else
    state = before + mean * (state - before);
}

/// Its backward: d (of the state after it) becomes that of the state before it, `kept` that of what was before the
/// step.
template <class D, class Kept, class Scalar>
void zone_out_backward(D&& d, Kept&& kept, double p, const Sequence<Scalar>& mask, Index b, Index t) {
  const auto mean = static_cast<Scalar>(1 - p);
  kept = d;
  if (mask.size() > 0)
    d *= column_of(mask.at(t), b) * mean;
  else
    d *= mean;
  kept -= d;
}

/// Every column of Z (NH x n) = the biases that W x and R h are added to.
template <class Cell, class Scalar>
void set_to_bias(Cpu cpu, const RecurrentWeights<const Scalar>& w, MatrixView<Scalar> Z) {
  fill(cpu, Z, Scalar(0));
  const Index H = w.shape.hidden;
  if (w.b.data)
    for_each_input_run<Cell>(w.b, Z, H, [&](auto b, auto rows) { matrix(rows).colwise() += matrix(b).col(0); });
  if (w.b_R.data) matrix(Z.row_block(0, Cell::kGates * H)).colwise() += matrix(w.b_R).col(0);
}

}  // namespace detail

/// See recurrent_forward in cpu/recurrent.hpp.
template <class Cell, class Scalar>
void recurrent_forward_plain(Cpu cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                             SequenceView<const Scalar> x, SequenceView<Scalar> y, RecurrentCache<Scalar>& cache) {
  using detail::column_of, equations::Equations;
  const Steps steps{options.direction, x.extent};
  const Index H = w.shape.hidden, GH = Cell::kGates * H, B = x.batch();
  auto &gates = cache.gates, &c = cache.c, &tanh_c = cache.tanh_c;
  const bool normed = w.norm_x.data != nullptr;
  if (normed) {
    for (auto* s : {&cache.x_hat, &cache.h_hat}) s->resize(GH, B, x.time());
    cache.c_hat.resize(Cell::kHasC ? H : 0, B, x.time());
    cache.inverses.resize(3, B, x.time());
    cache.workspace.plain.shown_c.resize(H, B, 1);
  }
  auto& h_before = cache.workspace.plain.h_before;  // for backward, too
  h_before.resize(y.features(), B, x.time());

  // (0) Z = W X + b, all steps in one product
  for_each_active_run(x.extent, [&](Index first, Index count) {
    const auto Z = gates.flat().columns(first, count);
    detail::set_to_bias<Cell>(cpu, w, Z);
    if (normed) {
      const auto x_hat = cache.x_hat.flat().columns(first, count);
      detail::normed_product(cpu, w.W, x.flat.columns(first, count), x_hat,
                             detail::inverses_of(cache.inverses, detail::Norm::x).columns(first, count));
      detail::for_each_input_run<Cell>(x_hat, Z, H, [&](auto hat, auto rows) {
        detail::add_scaled<Scalar>(w.norm_x.row_block(hat.data - x_hat.data, hat.rows), hat, rows);
      });
      return;
    }
    detail::for_each_input_run<Cell>(
        w.W, Z, H, [&](auto W, auto rows) { gemm(cpu, Op::none, Op::none, W, x.flat.columns(first, count), rows); });
  });

  [[maybe_unused]] const bool in_parts = detail::in_parts<Cell>(w);
  const bool zones_h = options.zoneout_h > 0, zones_c = Cell::kHasC && options.zoneout_c > 0;
  if (zones_c) cache.c_new.resize(H, B, x.time());
  auto& R = cache.workspace.plain.R;
  pack(cpu, Op::none, w.R, R);
  for (Index n = 0; n < steps.count(); ++n) {
    const Index t = steps.at(n), columns = x.extent.active_columns(t);
    for (Index b = 0; b < columns; ++b) {
      auto to = column_of(h_before.at(t), b);
      to = steps.begins(b, t) || !x.extent.active(b, t) ? column_of(cache.h0.at(0), b)
                                                        : column_of(y.at(steps.before(t)), b);
      if (cache.h_mask.size() > 0) to *= column_of(cache.h_mask.at(0), b);
    }
    const auto z = gates.at(t).columns(0, columns), shown = w.projection.data ? cache.m.at(t) : y.at(t);
    if (normed) {  // and R h(t-1)
      const auto h_hat = cache.h_hat.at(t).columns(0, columns);
      detail::normed_product(cpu, w.R, h_before.at(t).columns(0, columns), h_hat,
                             detail::inverses_of(cache.inverses, detail::Norm::h).columns(t * B, columns));
      detail::add_scaled<Scalar>(w.norm_h, h_hat, z.row_block(0, GH));
    } else {
      gemm(cpu, R, h_before.at(t).columns(0, columns), z.row_block(0, GH));
    }
    for (Index b = 0; b < B; ++b) {
      auto h = column_of(shown, b);
      if (!x.extent.active(b, t)) {
        h.setZero();
        continue;
      }
      detail::Blocks<Scalar, Cell::kBlocks> blocks(&z(0, b), H);
      auto c_b = column_of(zones_c ? cache.c_new.at(t) : c.at(t), b), tanh_c_b = column_of(tanh_c.at(t), b);
      const auto before = column_of(detail::state_before<Cell, Scalar>(cache, y, steps, b, t), b);
      if constexpr (!std::is_same_v<Cell, typename Cell::InParts>)
        if (!in_parts) Equations<Cell>::forward(blocks.at, before, c_b, tanh_c_b, h);  // (1)-(6), and (7) y(t) = h(t)
      if constexpr (!std::is_void_v<typename Cell::InParts>)
        if (in_parts) {
          using Parts = Equations<typename Cell::InParts>;
          const detail::Columns<const Scalar, Cell::kPeepholeCount> p(w.peepholes);
          Parts::update(blocks.at, before, c_b, p.at);
          if (normed) {
            auto c_hat = column_of(cache.c_hat.at(t), b), shown_c = column_of(cache.workspace.plain.shown_c.at(0), b);
            c_hat = c_b;
            detail::inverses_of(cache.inverses, detail::Norm::c)(0, b + B * t) = layer_norm(c_hat);
            shown_c = column_of(w.norm_c, 0) * c_hat + column_of(w.norm_c, 1);
            Parts::output(blocks.at, c_b, shown_c, tanh_c_b, h, p.at);
          } else {
            Parts::output(blocks.at, c_b, c_b, tanh_c_b, h, p.at);
          }
        }
      if (zones_c) {
        column_of(c.at(t), b) = c_b;
        detail::zone_out(column_of(c.at(t), b), before, options.zoneout_c, cache.zone_c, b, t);
      }
    }
    if (w.projection.data) {  // (7a) h(t) = projection * m(t), of zeros in padding
      fill(cpu, y.at(t), Scalar(0));
      gemm(cpu, Op::none, Op::none, w.projection, shown, y.at(t));
    }
    for (Index b = 0; zones_h && b < columns; ++b)
      if (x.extent.active(b, t)) {
        const auto h = column_of(steps.begins(b, t) ? cache.h0.at(0) : y.at(steps.before(t)), b);
        detail::zone_out(column_of(y.at(t), b), h, options.zoneout_h, cache.zone_h, b, t);
      }
  }
}

/// See recurrent_backward in cpu/recurrent.hpp.
template <class Cell, class Scalar>
void recurrent_backward_plain(Cpu cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                              SequenceView<const Scalar> x, SequenceView<const Scalar> y, SequenceView<const Scalar> dy,
                              RecurrentCache<Scalar>& cache, const RecurrentWeights<Scalar>& grad,
                              MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
                              const RecurrentInputGradient<Scalar>& to) {
  using detail::column_of, equations::Equations;
  const Steps steps{options.direction, x.extent};
  const Index B = x.batch(), H = w.shape.hidden, GH = Cell::kGates * H;
  const RecurrentCache<Scalar>& saved = cache;  // what forward left
  auto& work = cache.workspace.plain;
  work.dz.resize(Cell::kBlocks * H, B, x.time());
  work.dh.resize(w.shape.output, B, 1);
  work.dh_total.resize(w.shape.output, B, x.time());
  for (auto* s : {&work.dc, &work.dm, &work.dc_kept}) s->resize(H, B, 1);
  work.dh_kept.resize(w.shape.output, B, 1);
  const bool zones_h = options.zoneout_h > 0, zones_c = Cell::kHasC && options.zoneout_c > 0;
  const auto dh = work.dh.at(0), dc = work.dc.at(0), dm = work.dm.at(0);
  fill(cpu, dh, Scalar(0));
  fill(cpu, dc, Scalar(0));

  const bool normed = w.norm_x.data != nullptr;
  [[maybe_unused]] const bool in_parts = detail::in_parts<Cell>(w);
  if (normed) {
    for (auto* s : {&work.d_normed_x, &work.d_normed_h}) s->resize(GH, B, x.time());
    work.d_shown_c.resize(H, B, 1);
  }
  pack(cpu, Op::transpose, w.R, work.R_transposed);
  for (Index n = 0; n < steps.count(); ++n) {
    const Index t = steps.back(n), columns = x.extent.active_columns(t);
    const auto dz = work.dz.at(t).columns(0, columns), dh_total = work.dh_total.at(t).columns(0, columns);
    for (Index b = 0; b < columns; ++b) {
      if (!x.extent.active(b, t)) {
        column_of(dh_total, b).setZero();
        continue;
      }
      if (steps.ends(b, t)) {  // the way back enters this sequence here
        column_of(dh, b) = column_of(dh_end, b);
        if constexpr (Cell::kHasC) column_of(dc, b) = column_of(dc_end, b);
      }
      column_of(dh_total, b) = column_of(dy.at(t), b) + column_of(dh, b);  // (8) forward: y = h, and step t+1
      if (zones_h) {
        if constexpr (!Cell::kHasC) {  // the cell's own state is h, after zoneout
          column_of(dh_total, b) += column_of(dc, b);
          column_of(dc, b).setZero();
        }
        detail::zone_out_backward(column_of(dh_total, b), column_of(work.dh_kept.at(0), b), options.zoneout_h,
                                  saved.zone_h, b, t);
      }
      if (zones_c)
        detail::zone_out_backward(column_of(dc, b), column_of(work.dc_kept.at(0), b), options.zoneout_c, saved.zone_c,
                                  b, t);
    }
    if (w.projection.data) {  // (8a) forward: h = projection * m
      fill(cpu, dm, Scalar(0));
      gemm(cpu, Op::transpose, Op::none, w.projection, dh_total, dm.columns(0, columns));
    }
    const MatrixView<const Scalar> d_shown = w.projection.data ? dm.columns(0, columns) : dh_total;
    for (Index b = 0; b < columns; ++b) {
      detail::Blocks<Scalar, Cell::kBlocks> dz_b(&dz(0, b), H);
      if (!x.extent.active(b, t)) {
        column_of(dz, b).setZero();
        continue;
      }
      auto dc_b = column_of(dc, b);
      const detail::Blocks<const Scalar, Cell::kBlocks> gates(&saved.gates(0, b, t), H);
      const auto before = column_of(detail::state_before<Cell, Scalar>(saved, y, steps, b, t), b);
      const auto tanh_c = column_of(saved.tanh_c.at(t), b), dh_b = column_of(d_shown, b);
      if constexpr (!std::is_same_v<Cell, typename Cell::InParts>)
        if (!in_parts) Equations<Cell>::backward(gates.at, before, tanh_c, dh_b, dc_b, dz_b.at);
      if constexpr (!std::is_void_v<typename Cell::InParts>)
        if (in_parts) {
          using Parts = Equations<typename Cell::InParts>;
          const detail::Columns<const Scalar, Cell::kPeepholeCount> p(w.peepholes);
          detail::Columns<Scalar, Cell::kPeepholeCount> dp(grad.peepholes);
          const auto c = column_of(zones_c ? saved.c_new.at(t) : saved.c.at(t), b);
          if (normed) {  // forward: shown_c = gain * c_hat + shift
            auto d_shown_c = column_of(work.d_shown_c.at(0), b);
            d_shown_c.setZero();
            Parts::output_backward(gates.at, c, tanh_c, dh_b, d_shown_c, dc_b, dz_b.at, p.at, dp.at);
            column_of(grad.norm_c, 1) += d_shown_c;
            detail::normed_backward<Scalar>(w.norm_c.columns(0, 1), saved.c_hat.at(t).columns(b, 1),
                                            detail::inverses_of(saved.inverses, detail::Norm::c).columns(b + B * t, 1),
                                            work.d_shown_c.at(0).columns(b, 1), grad.norm_c.columns(0, 1),
                                            [](Index) { return true; });
            dc_b += d_shown_c;
          } else {
            Parts::output_backward(gates.at, c, tanh_c, dh_b, dc_b, dc_b, dz_b.at, p.at, dp.at);
          }
          Parts::update_backward(gates.at, before, dc_b, dz_b.at, p.at, dp.at);
        }
    }
    const auto add_active = [&](const Sequence<Scalar>& kept, MatrixView<Scalar> d) {
      for (Index b = 0; b < columns; ++b)
        if (x.extent.active(b, t)) column_of(d, b) += column_of(kept.at(0), b);
    };
    // (15) dh(t-1) = R^T dz(t)
    MatrixView<Scalar> dz_R = dz.row_block(0, GH);
    if (normed) {
      const auto d_normed = work.d_normed_h.at(t).columns(0, columns);
      copy(cpu, dz_R, d_normed);
      detail::normed_backward<Scalar>(w.norm_h, saved.h_hat.at(t).columns(0, columns),
                                      detail::inverses_of(saved.inverses, detail::Norm::h).columns(t * B, columns),
                                      d_normed, grad.norm_h, [&](Index b) { return x.extent.active(b, t); });
      dz_R = d_normed;
    }
    fill(cpu, dh.columns(0, columns), Scalar(0));
    gemm(cpu, work.R_transposed, dz_R, dh.columns(0, columns));
    if (zones_c) add_active(work.dc_kept, dc);
    if (saved.h_mask.size() > 0) array(dh) *= array(saved.h_mask.at(0));  // forward: R (mask * h(t-1))
    if (zones_h) add_active(work.dh_kept, dh);
    for (Index b = 0; b < columns; ++b) {
      if (!steps.begins(b, t) || !x.extent.active(b, t)) continue;  // else dh and dc are those of the initial state
      column_of(dh_end, b) = column_of(dh, b);
      if constexpr (Cell::kHasC)
        column_of(dc_end, b) = column_of(dc, b);
      else
        column_of(dh_end, b) += column_of(dc, b);  // the cell's own state is h
    }
  }

  if (to.to_features() && !to.add) fill(cpu, to.dx, Scalar(0));
  for_each_active_run(x.extent, [&](Index first, Index count) {
    const MatrixView<const Scalar> dZ = work.dz.flat().columns(first, count), dZ_R = dZ.row_block(0, GH);
    const auto X = x.flat.columns(first, count);
    const auto Hbefore = work.h_before.flat().columns(first, count);
    if (normed) {
      const auto d_Wx = work.d_normed_x.flat().columns(first, count);
      detail::for_each_input_run<Cell>(d_Wx, dZ, H, [&](auto to_rows, auto rows) { copy(cpu, rows, to_rows); });
      detail::normed_backward<Scalar>(w.norm_x, saved.x_hat.flat().columns(first, count),
                                      detail::inverses_of(saved.inverses, detail::Norm::x).columns(first, count), d_Wx,
                                      grad.norm_x, [](Index) { return true; });
      gemm(cpu, Op::none, Op::transpose, d_Wx, X, grad.W);
      gemm(cpu, Op::none, Op::transpose, work.d_normed_h.flat().columns(first, count), Hbefore, grad.R);
      if (to.to_features()) gemm(cpu, Op::transpose, Op::none, w.W, d_Wx, to.dx.columns(first, count));
    } else {
      detail::for_each_input_run<Cell>(grad.W, dZ, H, [&](auto dW, auto rows) {  // (16) dW = dZ X^T
        gemm(cpu, Op::none, Op::transpose, rows, X, dW);
      });
      gemm(cpu, Op::none, Op::transpose, dZ_R, Hbefore, grad.R);  // (17) dR = dZ Hbefore^T
      if (to.to_features())                                       // (19) dX = W^T dZ
        detail::for_each_input_run<Cell>(w.W, dZ, H, [&](auto W, auto rows) {
          gemm(cpu, Op::transpose, Op::none, W, rows, to.dx.columns(first, count));
        });
    }
    if (grad.b.data)  // (18) db = sum of dz
      detail::for_each_input_run<Cell>(grad.b, dZ, H, [&](auto db, auto rows) { add_columns(cpu, rows, db); });
    if (grad.b_R.data) add_columns(cpu, dZ_R, grad.b_R);
    if (grad.projection.data)  // (18a) dprojection = dH M^T
      gemm(cpu, Op::none, Op::transpose, work.dh_total.flat().columns(first, count),
           saved.m.flat().columns(first, count), grad.projection);
  });
}

}  // namespace rondo::inline v0
