// SPDX-License-Identifier: MIT
// Backward pass of one recurrent layer in one direction, with the fused kernels and several threads. It computes the
// same as recurrent_plain.hpp, in chunks of steps, last chunk first. For each step of a chunk: dh = dy + R^T dz(t+1),
// then the cell backward. After the last step of a chunk: dW, dR, db and dx of the chunk, while its dz is in cache. dz
// is stored for two chunks, not for all steps. See docs/04-cpu-kernels.md.
//
// Legend: C input features, V vocabulary, H hidden units, P outputs, G gates, N blocks of the cell, B batch, T time
// steps.
#pragma once

#include <rondo/cpu/flush_denormals.hpp>
#include <rondo/cpu/for_each_token.hpp>
#include <rondo/cpu/packed_inputs.hpp>
#include <rondo/cpu/packed_operand.hpp>
#include <rondo/cpu/packed_partition.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>
#include <rondo/recurrent/cache.hpp>

#include <algorithm>
#include <cstdint>

namespace rondo::inline RONDO_ABI::detail {

/// Input gradient for features: dx = W^T dz. dW is summed together with dR.
struct FeatureGradient {
  MatrixView<const float> W;    // GH x C
  SequenceView<const float> x;  // C x B x T
  MatrixView<float> dW;         // GH x C
  RecurrentInputGradient<float> to;
};

/// Input gradient for tokens: the gradient of the table W E + b. The caller computes dW and dE from it after the pass.
struct TableGradient {
  const TokenInput<float>& x;
  MatrixView<float> d_table;  // GH x V
};

/// Backward pass of one layer in one direction.
template <class Cell>
class BackwardPass {
 public:
  /// Input gradient: of `features` or of `table`; the other is null. y: P x B x T, outputs of the forward pass. db
  /// (NH): the sum of dz is added to it; null: not computed. dh_end (P x B) and dc_end (H x B): on entry the gradients
  /// of the final state, on return those of the initial state.
  BackwardPass(const PackedKernels& k, const Steps& steps, const RecurrentWeights<const float>& w,
               const RecurrentCache<float>& saved, SequenceView<float> y, SequenceView<const float> dy,
               const FeatureGradient* features, const TableGradient* table, const RecurrentWeights<float>& grad,
               float* db, MatrixView<float> dh_end, MatrixView<float> dc_end, BackwardWorkspace& work)
      : k_(k),
        steps_(steps),
        w_(w),
        saved_(saved),
        y_(y),
        dy_(dy),
        features_(features),
        table_(table),
        grad_(grad),
        db_(db),
        dh_end_(dh_end),
        dc_end_(dc_end),
        work_(work),
        H_(w.shape.hidden),
        P_(w.shape.output),
        GH_(Cell::kGates * H_),
        NH_(Cell::kBlocks * H_),
        B_(y.batch()),
        T_(y.time()),
        chunk_(std::min(T_, backward_chunk_steps(B_))) {
    work.R_transposed.resize(k_.whole_panels(P_) * k_.products.packed_depth(GH_));
    work.dz.resize(2 * NH_ * B_ * chunk_);
    work.dh.resize(P_ * B_);
    work.dc.resize(H_ * B_);
    work.dz_packed.resize(k.products, GH_, 2 * B_ * chunk_);
    if (NH_ > GH_) work.dz_rest.resize(k.products, NH_ - GH_, 2 * B_ * chunk_);
    work.h_pairs.resize(k.products, P_, GradientSums::kMaxDepth);
    if (w.projection.data) {
      work.projection_transposed.resize(k_.whole_panels(H_) * k_.products.packed_depth(P_));
      work.dh_steps.resize(2 * P_ * B_ * chunk_);
      work.dh_packed.resize(k.products, P_, 2 * B_ * chunk_);
      work.m_pairs.resize(k.products, H_, GradientSums::kMaxDepth);
    }
    if (features) {
      work.x_pairs.resize(k.products, features->x.features(), GradientSums::kMaxDepth);
      if (features->to.to_features()) work.W_transposed.resize(k_.whole_panels(features->W.cols) * W_depth());
    }
  }

  /// Runs this thread's share of the pass. Every thread of the group must call it.
  void run(const ThreadGroup& group) {
    const FlushDenormals guard;
    const WorkPartition mine(group, H_, P_, B_, k_.level.panel_rows, k_.level.panel_rows);
    pack(group);
    set_initial_state_columns(steps_, mine.outputs, mine.columns, y_, saved_.h0.at(0));
    group.barrier();
    for (Index n = 0; n < T_; ++n) {
      const Index t = steps_.back(n), begin = t / chunk_ * chunk_, end = std::min(T_, begin + chunk_);
      step(group, t, n == 0, mine);
      const bool complete = t == (steps_.reverse() ? end - 1 : begin);  // dz of the whole chunk is computed
      if (!mine.by_columns || complete) group.barrier();
      initial_state(t, mine);
      if (!complete) continue;
      add_weight_gradients(group, begin, end);
      input_gradient(group, begin, end);
    }
    group.barrier();  // all threads have read the columns that hold the initial state
    set_initial_state_columns(steps_, mine.outputs, mine.columns, y_, {});
  }

 private:
  /// First column of step t in buffers that hold two chunks.
  Index column(Index t) const { return (t / chunk_ % 2 * chunk_ + t % chunk_) * B_; }
  MatrixView<float> dz(Index t) const { return {work_.dz.data() + column(t) * NH_, NH_, B_, NH_}; }
  MatrixView<float> dz(Index t, Index row, Index rows) const { return dz(t).row_block(row, rows); }
  /// dz(t) as the right operand of R^T.
  Operand dz_operand(Index t) const { return work_.dz_packed.operand(column(t), dz(t)); }

  // ---- W^T, packed separately for each run of gates that are contiguous in dz

  /// Packed elements per row of W^T for one run. Each run starts with a new packed element.
  Index run_depth(const GateRun& run) const { return k_.products.packed_depth(run.count * H_); }
  Index W_depth() const {
    Index depth = 0;
    for (const GateRun& run : Cell::kInputRuns) depth += run_depth(run);
    return depth;
  }
  Operand run_operand(const GateRun& run, Index t) const {
    const Index row = run.block * H_;
    if (row < GH_) return work_.dz_packed.operand(column(t), dz(t)).from_row(k_.products.packed_depth(row));
    return work_.dz_rest.operand(column(t), dz(t, GH_, NH_ - GH_)).from_row(k_.products.packed_depth(row - GH_));
  }

  void pack(const ThreadGroup& group) {
    const ThreadGroup::Range outputs = group.range(P_, k_.level.panel_rows);
    k_.products.pack(GH_, w_.R.data, w_.R.stride, 1, work_.R_transposed.data(), outputs.first, outputs.last);
    if (const MatrixView<const float> a = w_.projection; a.data) {
      const ThreadGroup::Range units = group.range(H_, k_.level.panel_rows);
      k_.products.pack(P_, a.data, a.stride, 1, work_.projection_transposed.data(), units.first, units.last);
    }
    if (features_ && features_->to.to_features()) {
      const MatrixView<const float> W = features_->W;
      const Index C = W.cols;
      const ThreadGroup::Range inputs = group.range(C, k_.level.panel_rows);
      Packed* to = work_.W_transposed.data();
      for (const GateRun& run : Cell::kInputRuns) {
        k_.products.pack(run.count * H_, W.data + run.gate * H_, W.stride, 1, to, inputs.first, inputs.last);
        to += k_.whole_panels(C) * run_depth(run);
      }
    }
  }

  /// dL/dh(t) without R^T dz(t+1): dy, plus the gradient of the final state for sequences that end at step t.
  /// (8) forward: y = h
  MatrixView<const float> dh_from_outside(Index t, const WorkPartition& mine) {
    bool any = false;
    for (Index b = mine.columns.first; b < mine.columns.last; ++b) any |= steps_.ends(b, t);
    if (!any) return dy_.at(t);
    const MatrixView<float> dh{work_.dh.data(), P_, B_, P_}, dc{work_.dc.data(), H_, B_, H_};
    for (Index b = mine.columns.first; b < mine.columns.last; ++b) {
      const bool ends = steps_.ends(b, t);
      for (Index u = mine.outputs.first; u < mine.outputs.last; ++u)
        dh(u, b) = dy_.at(t)(u, b) + (ends ? dh_end_(u, b) : 0.0f);
      if (ends)
        for (Index u = mine.units.first; u < mine.units.last; ++u) dc(u, b) = Cell::kHasC ? dc_end_(u, b) : 0.0f;
    }
    return dh;
  }

  // ---- with a projection: first dL/dh of the outputs, then the gradient of the cell outputs m

  MatrixView<float> dh_step(Index t) const { return {work_.dh_steps.data() + column(t) * P_, P_, B_, P_}; }

  /// dh(t) = dh + R^T dz(t+1) for this thread's outputs, saved for the gradient of the projection.
  void outputs_step(Index t, Index active, bool last, MatrixView<const float> dh, const WorkPartition& mine) {
    const Index first = mine.columns.first;
    const auto [u0, u1] = mine.outputs;
    const Output to = Output{dh_step(t).data, P_, 0}.from_row(u0).from_column(first);
    if (active > 0 && u1 > u0)
      k_.products.multiply_packed(u1 - u0, last ? 0 : k_.products.packed_depth(GH_),
                                  work_.R_transposed.data() + u0 * k_.products.packed_depth(GH_),
                                  dz_operand(last ? t : steps_.after(t)).from_column(first),
                                  InitialAccumulator{dh.data, dh.stride, 0}.from_row(u0).from_column(first), to,
                                  active);
    clear_padding(steps_, t, mine.outputs, mine.columns, dh_step(t), {});
    work_.dh_packed.pack(column(t), dh_step(t), mine.outputs, mine.columns);
  }

  void step(const ThreadGroup& group, Index t, bool last, const WorkPartition& mine) {
    const Index first = mine.columns.first;
    const MatrixView<const float> dh = dh_from_outside(t, mine);
    const Index active = std::min(mine.columns.last, steps_.extent.active_columns(t)) - first;
    if (w_.projection.data) {
      outputs_step(t, active, last, dh, mine);
      if (!mine.by_columns) group.barrier();
    }
    if (active > 0) {
      const MatrixView<const float> before = state_before(t);
      const StepGradients gradients{.gates = saved_.gates.at(t).data,
                                    .gates_column = NH_,
                                    .block = H_,
                                    .before = before.data,
                                    .before_column = before.stride,
                                    .tanh_c = tanh_c(t),
                                    .dc = work_.dc.data(),
                                    .c_column = H_,
                                    .dz = dz(t).data,
                                    .dz_column = NH_};
      BackwardStep step{.columns = active,
                        .depth = last ? 0 : k_.products.packed_depth(GH_),
                        .A = work_.R_transposed.data(),
                        .A_depth = k_.products.packed_depth(GH_),
                        .reverse_unit_order = reverse_unit_order(t, B_),
                        .b = dz_operand(last ? t : steps_.after(t)).from_column(first),
                        .dh = InitialAccumulator{dh.data, dh.stride, 0}.from_column(first),
                        .gradients = gradients.from_column(first)};
      if (w_.projection.data) {  // (8a) forward: h = projection * m
        step.depth = step.A_depth = k_.products.packed_depth(P_);
        step.A = work_.projection_transposed.data();
        step.b = work_.dh_packed.operand(column(t), dh_step(t)).from_column(first);
        step.dh = {nullptr, 0, 0};
      }
      k_.cell.step_backward(step, mine.units.first, mine.units.last);
    }
    for (int q = 0; q < Cell::kBlocks; ++q) {
      const ThreadGroup::Range rows{q * H_ + mine.units.first, q * H_ + mine.units.last};
      clear_padding(steps_, t, rows, mine.columns, dz(t), {});
      if (q < Cell::kGates)
        work_.dz_packed.pack(column(t), dz(t), rows, mine.columns);
      else
        work_.dz_rest.pack(column(t), dz(t, GH_, NH_ - GH_), {rows.first - GH_, rows.last - GH_}, mine.columns);
    }
  }

  MatrixView<const float> h_before(Index t) const {
    return steps_.is_first(t) ? saved_.h0.at(0) : MatrixView<const float>(y_.at(steps_.before(t)));
  }
  /// Previous state of the cell: c(t-1), or h(t-1) for cells without c.
  MatrixView<const float> state_before(Index t) const {
    if constexpr (!Cell::kHasC) return h_before(t);
    return steps_.is_first(t) ? saved_.c0.at(0) : saved_.c.at(steps_.before(t));
  }
  const float* tanh_c(Index t) const { return Cell::kHasC ? saved_.tanh_c.at(t).data : saved_.gates.at(t).data; }

  /// (16) dW = dZ X^T, (17) dR = sum of dz(t) h(t-1)^T, (18) db = sum of dz, over the columns of steps [begin, end)
  /// that are not padding.
  void add_weight_gradients(const ThreadGroup& group, Index begin, Index end) {
    for_each_active_run(steps_.extent, begin, end, [&](Index first, Index count) {
      for (const Index last = first + count; first < last;) {
        // h(t-1) is a view of y, B columns away from dz(t), except at the first step, where it is h0
        const Index t = first / B_, first_step = steps_.at(0) * B_,
                    last_of_others = steps_.reverse() ? first_step : last;
        Index columns = std::min<Index>(last - first, GradientSums::kMaxDepth);
        if (steps_.is_first(t))
          columns = std::min(columns, (t + 1) * B_ - first);
        else
          columns = std::min(columns, last_of_others - first);
        const MatrixView<const float> h =
            steps_.is_first(t) ? saved_.h0.flat().columns(first - t * B_, columns)
                               : MatrixView<const float>(y_.flat.columns(first + (steps_.before(t) - t) * B_, columns));
        add_sums(group, begin, first, columns, h);
        first += columns;
      }
    });
  }

  /// The weight gradients of `columns` contiguous columns, starting at `first`. h: h(t-1) of these columns.
  void add_sums(const ThreadGroup& group, Index begin, Index first, Index columns, MatrixView<const float> h) {
    const float* const dz = this->dz(begin).data + (first - begin * B_) * NH_;
    const bool projects = w_.projection.data != nullptr;
    MatrixView<const float> m{};
    if (projects) m = saved_.m.flat().columns(first, columns);
    if (work_.h_pairs.copies()) {
      work_.h_pairs.pack_transposed(h, group.range(P_, k_.level.lanes));
      if (features_)
        work_.x_pairs.pack_transposed(features_->x.flat.columns(first, columns),
                                      group.range(features_->W.cols, k_.level.lanes));
      if (projects) work_.m_pairs.pack_transposed(m, group.range(H_, k_.level.lanes));
      group.barrier();
    }
    if (projects) {  // (18a) dprojection = dH M^T
      GradientSums sums{};
      sums.columns = columns, sums.dz = dh_step(begin).data + (first - begin * B_) * P_, sums.dz_column = P_;
      sums.inputs = H_, sums.x = work_.m_pairs.operand_transposed(m);
      sums.dW = grad_.projection.data, sums.dW_column = grad_.projection.stride;
      const ThreadGroup::Range rows = group.range(P_, k_.level.panel_rows);
      k_.products.add_gradients(sums, rows.first, rows.last);
    }
    for (int q = 0; q < Cell::kBlocks;) {  // consecutive blocks that map to consecutive gates of W and R
      int after = q + 1;
      while (after < Cell::kBlocks &&
             (gate_of_block<Cell>(after) - after == gate_of_block<Cell>(q) - q ||
              (gate_of_block<Cell>(after) < 0 && gate_of_block<Cell>(q) < 0)) &&
             (after < Cell::kGates) == (q < Cell::kGates))
        ++after;
      GradientSums sums{columns, dz + q * H_, NH_, 0, {}, nullptr, 0, 0, {}, nullptr, 0, db_ ? db_ + q * H_ : nullptr};
      if (q < Cell::kGates) {
        sums.hidden = P_, sums.h = work_.h_pairs.operand_transposed(h);
        sums.dR = grad_.R.data + q * H_, sums.dR_column = grad_.R.stride;
      }
      if (const int gate = gate_of_block<Cell>(q); gate >= 0 && features_) {
        sums.inputs = features_->W.cols;
        sums.x = work_.x_pairs.operand_transposed(features_->x.flat.columns(first, columns));
        sums.dW = features_->dW.data + gate * H_, sums.dW_column = features_->dW.stride;
      }
      const ThreadGroup::Range rows = group.range((after - q) * H_, k_.level.panel_rows);
      k_.products.add_gradients(sums, rows.first, rows.last);
      q = after;
    }
    if (work_.h_pairs.copies()) group.barrier();
  }

  /// (19) dx = W^T dz; for tokens, adds dz to the token's column of d_table.
  void input_gradient(const ThreadGroup& group, Index begin, Index end) {
    const Index count = (end - begin) * B_;
    if (features_) {
      const RecurrentInputGradient<float>& to_x = features_->to;
      if (!to_x.to_features()) return;
      const ThreadGroup::Range columns = group.range(count);
      const Index C = features_->W.cols;
      const MatrixView<float> dx = to_x.dx.columns(begin * B_, count);
      const Output to = Output{dx.data, dx.stride, 0}.from_column(columns.first);
      const Packed* W = work_.W_transposed.data();
      bool add = to_x.add;
      for (const GateRun& run : Cell::kInputRuns) {
        k_.products.multiply_packed(C, run_depth(run), W, run_operand(run, begin).from_column(columns.first),
                                    add ? to.as_initial_accumulator() : InitialAccumulator{nullptr, 0, 0}, to,
                                    columns.size());
        W += k_.whole_panels(C) * run_depth(run);
        add = true;
      }
    } else {
      const Index K = table_->x.ids_per_step;
      for (const GateRun& run : Cell::kInputRuns) {
        const ThreadGroup::Range rows = group.range(run.count * H_, k_.level.panel_rows);
        for_each_token(
            table_->x.tokens.subspan(static_cast<std::size_t>(begin * B_ * K), static_cast<std::size_t>(count * K)),
            count, [&](Index j, std::int32_t id) {
              const float* const dz_j = dz(begin).data + j * NH_ + run.block * H_;
              k_.level.elementwise.add(rows.size(), dz_j + rows.first,
                                       &table_->d_table(run.gate * H_ + rows.first, id));
            });
      }
    }
  }

  /// Gradient of the initial state, for sequences that start at step t: (15) dh(-1) = R^T dz(0), and dc(-1), which the
  /// cell backward has left in dc.
  void initial_state(Index t, const WorkPartition& mine) {
    const auto begins = [&](Index b) { return steps_.begins(b, t) && steps_.extent.active(b, t); };
    for (Index b = mine.columns.first; b < mine.columns.last; ++b) {
      const Index first = b;
      while (b < mine.columns.last && begins(b)) ++b;
      if (b > first) initial_state(t, mine, first, b);
    }
  }

  void initial_state(Index t, const WorkPartition& mine, Index b0, Index b1) {
    const auto [u0, u1] = mine.outputs;
    const MatrixView<float> dh{work_.dh.data(), P_, B_, P_}, dc{work_.dc.data(), H_, B_, H_};
    if (u1 > u0)
      k_.products.multiply_packed(u1 - u0, k_.products.packed_depth(GH_),
                                  work_.R_transposed.data() + u0 * k_.products.packed_depth(GH_),
                                  dz_operand(t).from_column(b0), {nullptr, 0, 0}, {&dh(u0, b0), dh.stride, 0}, b1 - b0);
    for (Index b = b0; b < b1; ++b) {
      for (Index u = u0; u < u1; ++u) dh_end_(u, b) = dh(u, b);
      for (Index u = mine.units.first; u < mine.units.last; ++u)
        if (Cell::kHasC)
          dc_end_(u, b) = dc(u, b);
        else
          dh_end_(u, b) += dc(u, b);  // the cell state is h
    }
  }

  const PackedKernels& k_;
  Steps steps_;
  RecurrentWeights<const float> w_;
  const RecurrentCache<float>& saved_;
  SequenceView<float> y_;
  SequenceView<const float> dy_;
  const FeatureGradient* features_;
  const TableGradient* table_;
  RecurrentWeights<float> grad_;
  float* db_;  // NH, or null
  MatrixView<float> dh_end_, dc_end_;
  BackwardWorkspace& work_;
  const Index H_, P_, GH_, NH_, B_, T_, chunk_;
};

}  // namespace rondo::inline RONDO_ABI::detail
