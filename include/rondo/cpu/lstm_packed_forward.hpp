// SPDX-License-Identifier: MIT
// One LSTM layer forward over a sequence by the fused kernels: what lstm_plain.hpp says, in chunks of steps that stay
// in cache, by a team of threads. For each chunk Z = W X + b; for each of its steps R h(t-1) is added and the cell
// follows, in one. It serves training, which keeps everything, and inference, which keeps the outputs. See
// docs/04-cpu-kernels.md.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/cpu/flush_denormals.hpp>
#include <rondo/cpu/lstm_division.hpp>
#include <rondo/cpu/lstm_inputs.hpp>
#include <rondo/cpu/lstm_workspace.hpp>
#include <rondo/cpu/operands.hpp>

#include <algorithm>

namespace rondo::inline v0::detail {

/// Step t of a ring lies in slot t % slots.
struct Ring {
  float* data;
  Index step, slots;
  float* at(Index t) const { return data + t % slots * step; }
};

/// Where a pass finds and leaves its numbers.
struct ForwardBuffers {
  MatrixView<const float> h0, c0;  // H x B
  Ring gates;                      // 4H x B each; a whole number of chunks, or all steps
  Ring c;                          // H x B each: all steps, or one place
  float* tanh_c;                   // H x B x T; null: nothing is kept for backward
  Sequence<float>& y;              // H x B x T, with the lengths of the input
  MatrixView<float> h_end, c_end;  // H x B: state after each sequence's last step; null data: not wanted
};

/// This member's part of all steps. Every member must come with the same arguments. R: in panels of gates.
template <class Word, class Input>
void forward_steps(const Kernels& k, const Team& team, const Input& input, const Word* R, Operands<Word>& h,
                   const ForwardBuffers& to) {
  const FlushDenormals guard;
  const Index H = to.y.features(), B = to.y.batch(), T = to.y.time();
  const Division mine(team, H, B, k.lanes);
  const Index first = mine.columns.first, chunk = std::min(steps_projected(B), to.gates.slots);
  const bool meets = !mine.by_columns;
  h.put(k, 0, to.h0, mine.units, mine.columns);
  if (meets) team.barrier();

  for (Index t = 0; t < T; ++t) {
    const MatrixView<const float> h_before = t > 0 ? to.y.at(t - 1) : to.h0;
    const float* const c_before = t > 0 ? to.c.at(t - 1) : to.c0.data;
    if (t % chunk == 0) {  // (0) Z = W X + b
      const Index steps = std::min(chunk, T - t);
      if constexpr (Input::kGathers) {
        input.gather(meets ? team.share(B) : mine.columns, t, steps);
        if (meets) team.barrier();
      }
      input.project({mine.units, mine.columns, t, steps}, to.gates.at(t));
    }
    const Index active = std::min(mine.columns.last, to.y.active_columns(t)) - first;
    if (active > 0) {  // and R h(t-1); (1)-(6), and (7) y(t) = h(t)
      const LstmCells cells{to.gates.at(t),  4 * H,      H,
                            c_before,        to.c.at(t), to.tanh_c ? to.tanh_c + t * H * B : nullptr,
                            to.y.at(t).data, H};
      products<Word>(k).lstm_step({active, words<Word>(H), goes_backwards(t, B), R,
                                   h.get(t % 2 * B, h_before).from_column(first), cells.from_column(first)},
                                  mine.units.first, mine.units.last);
    }
    clear_padding(to.y, t, mine.units, mine.columns, to.y.at(t).data, H);
    if (to.tanh_c) clear_padding(to.y, t, mine.units, mine.columns, to.c.at(t), H);
    h.put(k, (t + 1) % 2 * B, to.y.at(t), mine.units, mine.columns);
    if (to.h_end.data)
      for (Index b = mine.columns.first; b < mine.columns.last; ++b)
        if (to.y.length(b) == t + 1) {
          std::copy_n(&to.y(mine.units.first, b, t), mine.units.size(), &to.h_end(mine.units.first, b));
          std::copy_n(to.c.at(t) + mine.units.first + b * H, mine.units.size(), &to.c_end(mine.units.first, b));
        }
    if (meets) team.barrier();
  }
}

}  // namespace rondo::inline v0::detail
