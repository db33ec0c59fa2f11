// SPDX-License-Identifier: MIT
// One recurrent layer forward over a sequence by the fused kernels, in one direction: what recurrent_plain.hpp says, in
// chunks of steps that stay in cache, by a team of threads. For each chunk Z = W X + b; for each of its steps R h(t-1)
// is added and the cell follows, in one. It serves training, which keeps everything, and inference, which keeps the
// outputs. See docs/04-cpu-kernels.md.
#pragma once

#include <rondo/core/sequence_view.hpp>
#include <rondo/cpu/flush_denormals.hpp>
#include <rondo/cpu/operands.hpp>
#include <rondo/cpu/packed_inputs.hpp>
#include <rondo/cpu/packed_partition.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>

#include <algorithm>

namespace rondo::inline v0::detail {

/// Step t of a ring lies in slot t % slots.
struct Ring {
  float* data;
  Index rows, batch, slots;
  MatrixView<float> at(Index t) const { return {data + t % slots * rows * batch, rows, batch, rows}; }
};

/// The way from what the cells show to the outputs, h = projection * m; null: they are the same.
template <class Word>
struct Projection {
  const Word* packed = nullptr;  // P x H, in panels of rows
  Operands<Word>* m_words;       // of one step
  Ring m;                        // H x B each: all steps, or one place
};

/// Where a pass finds and leaves its numbers.
struct ForwardBuffers {
  MatrixView<const float> h0;      // P x B
  MatrixView<const float> c0;      // H x B, of cells with c
  Ring gates;                      // NH x B each; a whole number of chunks, or all steps
  Ring c;                          // H x B each: all steps, or one place
  Ring tanh_c;                     // as c
  bool keep;                       // gates and tanh_c, for backward
  SequenceView<float> y;           // P x B x T
  MatrixView<float> h_end, c_end;  // P x B, H x B: state after each sequence's last step; null data: not wanted
};

/// This thread's part of all steps. Every thread must come with the same arguments. R: in panels of gates.
template <class Cell, class Word, class Input>
void forward_steps(const Kernels& k, const Team& team, const Steps& steps, const Input& input, const float* bias,
                   const Word* R, Operands<Word>& h, const Projection<Word>& projection, const ForwardBuffers& to) {
  const FlushDenormals guard;
  const Index H = to.gates.rows / Cell::kBlocks, P = to.y.features(), B = to.y.batch(), T = to.y.time();
  const WorkPartition mine(team, H, P, B, k.lanes, projection.packed ? k.panel_rows : k.lanes);
  const Index first = mine.columns.first, chunk = std::min(steps_projected(B), to.gates.slots);
  const bool waits = !mine.by_columns;
  const auto& kernels = cell_products<Cell, Word>();
  h.put(k, 0, to.h0, mine.outputs, mine.columns);
  if (waits) team.barrier();

  for (Index n = 0; n < T; ++n) {
    const Index t = steps.at(n), begin = t / chunk * chunk, end = std::min(T, begin + chunk);
    if (n == 0 || t == (steps.reverse() ? end - 1 : begin)) {  // (0) Z = W X + b
      if constexpr (Input::kGathers) {
        input.gather(waits ? team.share(B) : mine.columns, begin, end - begin);
        if (waits) team.barrier();
      }
      input.project({mine.units, mine.columns, begin, end - begin}, to.gates.at(begin).data);
    }
    const MatrixView<float> y = to.y.at(t), c = to.c.at(t), gates = to.gates.at(t);
    const MatrixView<float> shown = projection.packed ? projection.m.at(t) : y;
    const MatrixView<const float> h_before = n > 0 ? MatrixView<const float>(to.y.at(steps.before(t))) : to.h0;
    MatrixView<const float> before = h_before;
    if constexpr (Cell::kHasC) before = n > 0 ? MatrixView<const float>(to.c.at(steps.before(t))) : to.c0;
    const Index active = std::min(mine.columns.last, steps.extent.active_columns(t)) - first;
    if (active > 0) {  // and R h(t-1); (1)-(6), and (7) y(t) = h(t)
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
                            .h = shown.data,
                            .h_column = shown.stride,
                            .keep = to.keep};
      kernels.step({active, words<Word>(P), reverse_unit_order(t, B), R, h.get(n % 2 * B, h_before).from_column(first),
                    cells.from_column(first)},
                   mine.units.first, mine.units.last);
    }
    if (projection.packed) {  // (7a) h(t) = projection * m(t)
      projection.m_words->put(k, 0, shown, mine.units, mine.columns);
      if (waits) team.barrier();
      if (active > 0 && mine.outputs.size() > 0)
        products<Word>(k).multiply_packed(
            mine.outputs.size(), words<Word>(H), projection.packed + mine.outputs.first * words<Word>(H),
            projection.m_words->get(0, shown).from_column(first), {nullptr, 0, 0},
            Target{y.data, y.stride, 0}.from_row(mine.outputs.first).from_column(first), active);
    }
    clear_padding(steps, t, mine.outputs, mine.columns, y, to.h0);
    if (Cell::kHasC && (to.keep || steps.reverse())) clear_padding(steps, t, mine.units, mine.columns, c, to.c0);
    h.put(k, (n + 1) % 2 * B, y, mine.outputs, mine.columns);
    if (to.h_end.data)
      for (Index b = mine.columns.first; b < mine.columns.last; ++b)
        if (steps.ends(b, t)) {
          std::copy_n(&y(mine.outputs.first, b), mine.outputs.size(), &to.h_end(mine.outputs.first, b));
          if (Cell::kHasC) std::copy_n(&c(mine.units.first, b), mine.units.size(), &to.c_end(mine.units.first, b));
        }
    if (waits) team.barrier();
  }
  set_entrances(steps, mine.outputs, mine.columns, to.y, {});
}

}  // namespace rondo::inline v0::detail
