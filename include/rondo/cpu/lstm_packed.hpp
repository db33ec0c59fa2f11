// SPDX-License-Identifier: MIT
// One LSTM layer over a sequence on the CPU: the pass that runs in float. It computes what lstm_plain.hpp says, by the
// fused kernels of cpu/kernels/lstm.inl, in chunks of steps that stay in cache, by a team of threads.
//
//   forward     for each chunk: Z = W X + b; for each of its steps: R h(t-1) added and the cell, in one
//   backward    for each chunk, last first: for each of its steps dh = dy + R^T dz(t+1) and the cell backward;
//               then dW, dR, db and dx of the chunk, while its dz is in cache. dz of all steps never exists.
//
// A team shares a pass by units (each member keeps its rows of R in its own cache, and all meet after each step) or by
// the columns of the batch (no meeting, but everybody reads all of R). See docs/04-cpu-kernels.md.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/cpu/flush_denormals.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/lstm_inputs.hpp>
#include <rondo/cpu/lstm_workspace.hpp>
#include <rondo/cpu/threads.hpp>

#include <algorithm>
#include <cstring>

namespace rondo::inline v0::detail {

/// Steps that are projected at a time: about a hundred columns, so that Z is still in cache when the recurrence reads
/// it.
inline Index steps_projected(Index batch) { return std::max<Index>(1, 96 / std::max<Index>(1, batch)); }

/// Steps whose dz is kept: enough columns for one pass over dW and dR to be worth its reading and writing.
inline Index steps_back(Index batch) {
  return std::max<Index>(1, GradientSums<float>::kMaxDepth / std::max<Index>(1, batch));
}

/// What a member does of each step. By columns where everybody's copy of R fits a core's cache and there are enough of
/// them to fill tiles, else by units in whole grains.
struct Division {
  Team::Range units, columns;
  bool by_columns;

  Division(const Team& team, Index H, Index B, Index grain) {
    by_columns = team.size > 1 && 16 * H * H <= (1 << 20) && B >= 12 * team.size;
    units = by_columns ? Team::Range{0, H} : team.share(H, grain);
    columns = by_columns ? team.share(B) : Team::Range{0, B};
  }
};

/// Zeros in rows [rows.first, rows.last) of the padding of one step: columns from `active` on, and ended ones before.
inline void clear_padding(const Sequence<float>& x, Index t, Team::Range rows, Team::Range columns, float* data,
                          Index stride) {
  if (!x.ragged()) return;
  for (Index b = columns.first; b < columns.last; ++b)
    if (!x.active(b, t)) std::fill(data + rows.first + b * stride, data + rows.last + b * stride, 0.0f);
}

inline void lstm_forward_packed(const Kernels& k, const LstmWeights<const float>& w, const Sequence<float>& x,
                                LstmLayerCache<float>& cache) {
  const Index H = w.R.cols, B = x.batch(), T = x.time();
  auto& work = cache.workspace.packed;
  FeatureInput input(w, x, work.W);
  input.prepare(k);
  work.R.resize((H + k.lanes - 1) / k.lanes * k.panel_rows * H);
  const Index chunk = steps_projected(B);

  with_team(threads(), [&](const Team& team) {
    const FlushDenormals guard;
    const Division mine(team, H, B, k.lanes);
    const Team::Range packed = team.share(H, k.lanes);
    input.pack(k, packed);
    k.fp32.pack_gates(H, H, w.R.data, 1, w.R.stride, work.R.data(), packed.first, packed.last);
    if (mine.by_columns) team.barrier();

    for (Index t = 0; t < T; ++t) {
      if (t % chunk == 0)  // (0) W X + b
        input.project(k, {mine.units, mine.columns, t, std::min(chunk, T - t)}, cache.gates.at(t).data);
      const Index active = std::min(mine.columns.last, x.active_columns(t)) - mine.columns.first;
      const Index first = mine.columns.first;
      if (active > 0) {  // and R h(t-1); (1)-(6), and (7) y(t) = h(t)
        const float *h_before = cache.h_before(t).data, *c_before = cache.c_before(t).data;
        const LstmCells cells{cache.gates.at(t).data, 4 * H, H, c_before, cache.c.at(t).data, cache.tanh_c.at(t).data,
                              cache.y.at(t).data,     H};
        k.fp32.lstm_step({active, H, work.R.data(), {h_before + first * H, 1, H}, cells.from_column(first)},
                         mine.units.first, mine.units.last);
      }
      clear_padding(x, t, mine.units, mine.columns, cache.y.at(t).data, H);
      clear_padding(x, t, mine.units, mine.columns, cache.c.at(t).data, H);
      if (!mine.by_columns) team.barrier();
    }
  });
}

/// Adds what `count` columns from `first` on, all of them real, say about W, R and b.
inline void add_gradients(const Kernels& k, const Sequence<float>& x, const LstmLayerCache<float>& cache,
                          const float* dz, Index first, Index count, const LstmWeights<float>& grad, Team::Range rows) {
  const Index H = grad.R.cols, C = grad.W.cols, B = x.batch();
  for (Index end = first + count; first < end;) {
    // h(t-1) lies B columns before dz(t), except that h0 stands apart
    Index columns = std::min<Index>(end - first, GradientSums<float>::kMaxDepth);
    if (first < B) columns = std::min(columns, B - first);
    const float* h = first < B ? cache.h0.data() + first * H : cache.y.data() + (first - B) * H;
    k.fp32.add_gradients({columns,
                          dz,
                          4 * H,
                          C,
                          {x.data() + first * C, C, 1},
                          grad.W.data,
                          grad.W.stride,
                          H,
                          {h, H, 1},
                          grad.R.data,
                          grad.R.stride,
                          grad.b.data},
                         rows.first, rows.last);
    first += columns, dz += columns * 4 * H;
  }
}

inline void lstm_backward_packed(const Kernels& k, const LstmWeights<const float>& w, const Sequence<float>& x,
                                 const Sequence<float>& dy, LstmLayerCache<float>& cache,
                                 const LstmWeights<float>& grad, MatrixView<float> dh_end, MatrixView<float> dc_end,
                                 Sequence<float>* dx) {
  const Index H = w.R.cols, C = w.W.cols, B = x.batch(), T = x.time(), H4 = 4 * H;
  auto& work = cache.workspace.packed;
  const auto panels = [&](Index rows) { return (rows + k.panel_rows - 1) / k.panel_rows * k.panel_rows; };
  const Index chunk = std::min(T, steps_back(B));
  work.R_transposed.resize(panels(H) * H4);
  if (dx) work.W_transposed.resize(panels(C) * H4);
  work.dz.resize(2 * H4 * B * chunk);
  work.dh.resize(H * B);
  work.dc.resize(H * B);
  const auto dz_at = [&](Index t) { return work.dz.data() + (t / chunk % 2 * chunk + t % chunk) * H4 * B; };
  const LstmLayerCache<float>& saved = cache;

  with_team(threads(), [&](const Team& team) {
    const FlushDenormals guard;
    const Division mine(team, H, B, k.panel_rows);
    const auto [u0, u1] = mine.units;
    const auto [b0, b1] = mine.columns;
    const Team::Range packed = team.share(H, k.panel_rows), packed_inputs = team.share(C, k.panel_rows);
    k.fp32.pack(H4, w.R.data, w.R.stride, 1, work.R_transposed.data(), packed.first, packed.last);
    if (dx) k.fp32.pack(H4, w.W.data, w.W.stride, 1, work.W_transposed.data(), packed_inputs.first, packed_inputs.last);
    team.barrier();

    for (Index t = T - 1; t >= 0; --t) {
      // (8) forward: y = h, and step t+1; the walk enters a sequence at its last step
      const float* dh = dy.at(t).data;
      const auto ends_here = [&](Index b) { return x.length(b) == t + 1; };
      bool any_end = false;
      for (Index b = b0; b < b1; ++b) any_end |= ends_here(b);
      if (any_end) {
        for (Index b = b0; b < b1; ++b)
          for (Index u = u0; u < u1; ++u) {
            work.dh.data()[u + b * H] = dh[u + b * H] + (ends_here(b) ? dh_end(u, b) : 0.0f);
            if (ends_here(b)) work.dc.data()[u + b * H] = dc_end(u, b);
          }
        dh = work.dh.data();
      }
      const Index active = std::min(b1, x.active_columns(t)) - b0;
      if (active > 0) {
        const LstmGradients gradients{saved.gates.at(t).data,
                                      H4,
                                      H,
                                      saved.c_before(t).data,
                                      saved.tanh_c.at(t).data,
                                      work.dc.data(),
                                      H,
                                      dz_at(t),
                                      H4};
        const bool last = t == T - 1;
        k.fp32.lstm_step_backward({active,
                                   last ? 0 : H4,
                                   work.R_transposed.data(),
                                   {last ? nullptr : dz_at(t + 1) + b0 * H4, 1, H4},
                                   dh + b0 * H,
                                   H,
                                   gradients.from_column(b0)},
                                  u0, u1);
      }
      for (Index g = 0; g < 4; ++g) clear_padding(x, t, {g * H + u0, g * H + u1}, mine.columns, dz_at(t), H4);
      if (!mine.by_columns || t % chunk == 0) team.barrier();
      if (t % chunk != 0) continue;

      // the chunk's dz is complete
      const Index end = std::min(T, t + chunk);
      const Team::Range rows = team.share(H4, k.panel_rows);
      for_each_active_run(x, t, end, [&](Index first, Index count) {  // (16) dW, (17) dR, (18) db
        add_gradients(k, x, saved, dz_at(t) + (first - t * B) * H4, first, count, grad, rows);
      });
      if (dx) {  // (19) dx = W^T dz
        const Team::Range columns = team.share((end - t) * B);
        k.fp32.multiply_packed(C, H4, work.W_transposed.data(), {dz_at(t) + columns.first * H4, 1, H4}, {nullptr, 0, 0},
                               {dx->at(t).data + columns.first * C, C, 0}, columns.size());
      }
    }

    // (15) dh(-1) = R^T dz(0), and what is left of dc
    if (T == 0 || u0 == u1 || b0 == b1) return;
    k.fp32.multiply_packed(u1 - u0, H4, work.R_transposed.data() + u0 * H4, {dz_at(0) + b0 * H4, 1, H4},
                           {nullptr, 0, 0}, {work.dh.data() + u0 + b0 * H, H, 0}, b1 - b0);
    for (Index b = b0; b < b1; ++b)
      if (x.length(b) > 0)
        for (Index u = u0; u < u1; ++u) {
          dh_end(u, b) = work.dh.data()[u + b * H];
          dc_end(u, b) = work.dc.data()[u + b * H];
        }
  });
}

}  // namespace rondo::inline v0::detail
