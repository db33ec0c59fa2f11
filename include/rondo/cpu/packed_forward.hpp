// SPDX-License-Identifier: MIT
// Forward pass of one recurrent layer in one direction, with the fused kernels and several threads. It computes the
// same as recurrent_plain.hpp, in chunks of steps that fit in cache. For each chunk: Z = W X + b. For each step of a
// chunk, in one kernel: Z(t) += R h(t-1) and the cell update. Training saves all activations for the backward pass;
// inference stores only the outputs. See docs/04-cpu-kernels.md.
//
// Legend: H hidden units, P outputs, N blocks of the cell, B batch, T time steps.
#pragma once

#include <rondo/core/sequence_view.hpp>
#include <rondo/cpu/flush_denormals.hpp>
#include <rondo/cpu/packed_inputs.hpp>
#include <rondo/cpu/packed_operand.hpp>
#include <rondo/cpu/packed_partition.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>

#include <algorithm>

namespace rondo::inline RONDO_ABI::detail {

/// A ring buffer of rows x batch matrices: step t is in slot t % slots.
struct RingBuffer {
  float* data;
  Index rows, batch, slots;
  MatrixView<float> at(Index t) const { return {data + t % slots * rows * batch, rows, batch, rows}; }
};

/// Projection from cell outputs m to layer outputs, h = projection * m. If `packed` is null, h = m.
struct Projection {
  const Packed* packed = nullptr;  // P x H, packed in panels of rows
  PackedOperand* m_packed;         // H x B, one step
  RingBuffer m;                    // H x B per slot; T slots, or one
};

/// States and activations that a forward pass reads and writes.
struct ForwardBuffers {
  MatrixView<const float> h0;      // P x B
  MatrixView<const float> c0;      // H x B, for cells with c
  RingBuffer gates;                // NH x B per slot; T slots, or a whole number of chunks
  RingBuffer c;                    // H x B per slot; T slots, or one
  RingBuffer tanh_c;               // as c
  bool save_for_backward;          // save gates and tanh_c
  SequenceView<float> y;           // P x B x T
  MatrixView<float> h_end, c_end;  // P x B, H x B: state after each sequence's last step; null data: not written
};

/// Runs this thread's share of all steps. Every thread of the group must call it; only `group` differs. bias: NH.
/// R: packed in panels of gates. h: P x 2B, the packed h of two steps.
template <class Cell>
void forward_steps(const PackedKernels& k, const ThreadGroup& group, const Steps& steps, const InputProjection& input,
                   const float* bias, const Packed* R, PackedOperand& h, const Projection& projection,
                   const ForwardBuffers& to) {
  const FlushDenormals guard;
  const Index H = to.gates.rows / Cell::kBlocks, P = to.y.features(), B = to.y.batch(), T = to.y.time();
  const WorkPartition mine(group, H, P, B, k.level.lanes, projection.packed ? k.level.panel_rows : k.level.lanes);
  const Index first = mine.columns.first, chunk = std::min(forward_chunk_steps(B), to.gates.slots);
  const bool needs_barrier = !mine.by_columns;
  h.pack(0, to.h0, mine.outputs, mine.columns);
  if (needs_barrier) group.barrier();

  for (Index n = 0; n < T; ++n) {
    const Index t = steps.at(n), begin = t / chunk * chunk, end = std::min(T, begin + chunk);
    if (n == 0 || t == (steps.reverse() ? end - 1 : begin)) {  // (0) Z = W X + b
      if (input.packs_x()) {
        input.pack_x(needs_barrier ? group.range(B) : mine.columns, begin, end - begin);
        if (needs_barrier) group.barrier();
      }
      input.project({mine.units, mine.columns, begin, end - begin}, to.gates.at(begin).data);
    }
    const MatrixView<float> y = to.y.at(t), c = to.c.at(t), gates = to.gates.at(t);
    const MatrixView<float> cell_output = projection.packed ? projection.m.at(t) : y;
    const MatrixView<const float> h_before = n > 0 ? MatrixView<const float>(to.y.at(steps.before(t))) : to.h0;
    MatrixView<const float> before = h_before;
    if constexpr (Cell::kHasC) before = n > 0 ? MatrixView<const float>(to.c.at(steps.before(t))) : to.c0;
    const Index active = std::min(mine.columns.last, steps.extent.active_columns(t)) - first;
    if (active > 0) {  // Z(t) += R h(t-1); (1)-(6); (7) y(t) = h(t)
      const StepCells cells{.bias = bias,
                            .bias_column = 0,
                            .gates = gates.data,
                            .gates_column = gates.stride,
                            .block = H,
                            .before = before.data,
                            .before_column = before.stride,
                            .c = c.data,
                            .tanh_c = to.tanh_c.at(t).data,
                            .c_column = c.stride,
                            .h = cell_output.data,
                            .h_column = cell_output.stride,
                            .save_for_backward = to.save_for_backward};
      k.cell.step({active, k.products.packed_depth(P), reverse_unit_order(t, B), R,
                   h.operand(n % 2 * B, h_before).from_column(first), cells.from_column(first)},
                  mine.units.first, mine.units.last);
    }
    if (projection.packed) {  // (7a) h(t) = projection * m(t)
      projection.m_packed->pack(0, cell_output, mine.units, mine.columns);
      if (needs_barrier) group.barrier();
      if (active > 0 && mine.outputs.size() > 0)
        k.products.multiply_packed(mine.outputs.size(), k.products.packed_depth(H),
                                   projection.packed + mine.outputs.first * k.products.packed_depth(H),
                                   projection.m_packed->operand(0, cell_output).from_column(first), {nullptr, 0, 0},
                                   Output{y.data, y.stride, 0}.from_row(mine.outputs.first).from_column(first), active);
    }
    clear_padding(steps, t, mine.outputs, mine.columns, y, to.h0);
    if (Cell::kHasC && (to.save_for_backward || steps.reverse()))
      clear_padding(steps, t, mine.units, mine.columns, c, to.c0);
    h.pack((n + 1) % 2 * B, y, mine.outputs, mine.columns);
    if (to.h_end.data)
      for (Index b = mine.columns.first; b < mine.columns.last; ++b)
        if (steps.ends(b, t)) {
          std::copy_n(&y(mine.outputs.first, b), mine.outputs.size(), &to.h_end(mine.outputs.first, b));
          if (Cell::kHasC) std::copy_n(&c(mine.units.first, b), mine.units.size(), &to.c_end(mine.units.first, b));
        }
    if (needs_barrier) group.barrier();
  }
  set_initial_state_columns(steps, mine.outputs, mine.columns, to.y, {});
}

}  // namespace rondo::inline RONDO_ABI::detail
