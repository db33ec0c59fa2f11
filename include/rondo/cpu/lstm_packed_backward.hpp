// SPDX-License-Identifier: MIT
// One LSTM layer backward over a sequence by the fused kernels: what lstm_plain.hpp says, in chunks of steps, last
// first, by a team of threads. For each step of a chunk dh = dy + R^T dz(t+1) and the cell backward; then dW, dR, db
// and dx of the chunk, while its dz is in cache. The dz of all steps never exists. See docs/04-cpu-kernels.md.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/cpu/flush_denormals.hpp>
#include <rondo/cpu/lstm_division.hpp>
#include <rondo/cpu/lstm_inputs.hpp>
#include <rondo/cpu/lstm_workspace.hpp>
#include <rondo/cpu/operands.hpp>

#include <algorithm>
#include <cstdint>

namespace rondo::inline v0::detail {

/// The gradient of the features, dx = W^T dz, and of W by the sums that R has.
struct FeatureGradient {
  MatrixView<const float> W;  // 4H x C
  const Sequence<float>& x;   // C x B x T
  MatrixView<float> dW;
  Sequence<float>* dx;  // or null
};

/// The gradient of the table W E + b, from which those of W and E follow at the end.
struct TableGradient {
  const TokenInput<float>& x;
  MatrixView<float> d_table;  // 4H x V
};

/// One pass back over one layer.
template <class Word, class InputGradient>
class BackwardPass {
 public:
  /// h: H x B x T, the outputs of the forward pass, with the lengths of the input.
  BackwardPass(const Kernels& k, MatrixView<const float> R, const LstmLayerCache<float>& saved,
               const Sequence<float>& dy, const InputGradient& input, MatrixView<float> dR, float* db,
               MatrixView<float> dh_end, MatrixView<float> dc_end, BackwardWorkspace<Word>& work)
      : k_(k),
        p_(products<Word>(k)),
        R_(R),
        saved_(saved),
        y_(saved.y),
        dy_(dy),
        input_(input),
        dR_(dR),
        db_(db),
        dh_end_(dh_end),
        dc_end_(dc_end),
        work_(work),
        H_(R.cols),
        H4_(4 * H_),
        B_(y_.batch()),
        T_(y_.time()),
        chunk_(std::min(T_, steps_back(B_))) {
    work.R_transposed.resize(panels(H_) * words<Word>(H4_));
    work.dz.resize(2 * H4_ * B_ * chunk_);
    work.dh.resize(H_ * B_);
    work.dc.resize(H_ * B_);
    work.dz_words.resize(H4_, 2 * B_ * chunk_);
    work.h_pairs.resize(H_, GradientSums<Word>::kMaxDepth);
    if constexpr (kFeatures) {
      work.x_pairs.resize(input.x.features(), GradientSums<Word>::kMaxDepth);
      if (input.dx) work.W_transposed.resize(panels(input.W.cols) * words<Word>(H4_));
    }
  }

  /// This member's part of everything.
  void run(const Team& team) {
    const FlushDenormals guard;
    const Division mine(team, H_, B_, k_.panel_rows);
    pack(team);
    team.barrier();
    for (Index t = T_ - 1; t >= 0; --t) {
      step(t, mine);
      if (!mine.by_columns || t % chunk_ == 0) team.barrier();
      if (t % chunk_ != 0) continue;
      const Index end = std::min(T_, t + chunk_);  // the chunk's dz is complete
      add_weight_gradients(team, t, end);
      input_gradient(team, t, end);
    }
    finish(mine);
  }

 private:
  static constexpr bool kFeatures = std::is_same_v<InputGradient, FeatureGradient>;

  Index panels(Index rows) const { return (rows + k_.panel_rows - 1) / k_.panel_rows * k_.panel_rows; }

  /// Columns of step t in the two chunks.
  Index column(Index t) const { return (t / chunk_ % 2 * chunk_ + t % chunk_) * B_; }
  float* dz_at(Index t) const { return work_.dz.data() + column(t) * H4_; }
  Operand<Word> dz_operand(Index t) const { return work_.dz_words.get(column(t), {dz_at(t), H4_, B_, H4_}); }

  void pack(const Team& team) {
    const Team::Range units = team.share(H_, k_.panel_rows);
    p_.pack(H4_, R_.data, R_.stride, 1, work_.R_transposed.data(), units.first, units.last);
    if constexpr (kFeatures)
      if (input_.dx) {
        const Team::Range inputs = team.share(input_.W.cols, k_.panel_rows);
        p_.pack(H4_, input_.W.data, input_.W.stride, 1, work_.W_transposed.data(), inputs.first, inputs.last);
      }
  }

  /// dL/dh(t) but for R^T dz(t+1): dy, and where sequences end here the gradient of their final state. (8) forward: y =
  /// h
  const float* dh_from_outside(Index t, const Division& mine) {
    const auto ends_here = [&](Index b) { return y_.length(b) == t + 1; };
    bool any = false;
    for (Index b = mine.columns.first; b < mine.columns.last; ++b) any |= ends_here(b);
    if (!any) return dy_.at(t).data;
    for (Index b = mine.columns.first; b < mine.columns.last; ++b)
      for (Index u = mine.units.first; u < mine.units.last; ++u) {
        work_.dh.data()[u + b * H_] = dy_(u, b, t) + (ends_here(b) ? dh_end_(u, b) : 0.0f);
        if (ends_here(b)) work_.dc.data()[u + b * H_] = dc_end_(u, b);
      }
    return work_.dh.data();
  }

  void step(Index t, const Division& mine) {
    const Index first = mine.columns.first;
    const float* const dh = dh_from_outside(t, mine);
    const Index active = std::min(mine.columns.last, y_.active_columns(t)) - first;
    if (active > 0) {
      const LstmGradients gradients{saved_.gates.at(t).data,
                                    H4_,
                                    H_,
                                    saved_.c_before(t).data,
                                    saved_.tanh_c.at(t).data,
                                    work_.dc.data(),
                                    H_,
                                    dz_at(t),
                                    H4_};
      const bool last = t == T_ - 1;  // no later step
      p_.lstm_step_backward(
          {active, last ? 0 : words<Word>(H4_), work_.R_transposed.data(), words<Word>(H4_), goes_backwards(t, B_),
           dz_operand(last ? t : t + 1).from_column(first), dh + first * H_, H_, gradients.from_column(first)},
          mine.units.first, mine.units.last);
    }
    for (Index g = 0; g < 4; ++g) {
      const Team::Range rows{g * H_ + mine.units.first, g * H_ + mine.units.last};
      clear_padding(y_, t, rows, mine.columns, dz_at(t), H4_);
      work_.dz_words.put(k_, column(t), {dz_at(t), H4_, B_, H4_}, rows, mine.columns);
    }
  }

  /// (16) dW = dZ X^T, (17) dR = sum of dz(t) h(t-1)^T, (18) db = sum of dz, over the real columns of steps [begin,
  /// end).
  void add_weight_gradients(const Team& team, Index begin, Index end) {
    const Team::Range rows = team.share(H4_, k_.panel_rows);
    for_each_active_run(y_, begin, end, [&](Index first, Index count) {
      for (const Index last = first + count; first < last;) {
        // h(t-1) lies B columns before dz(t), except that h0 stands apart
        Index columns = std::min<Index>(last - first, GradientSums<Word>::kMaxDepth);
        if (first < B_) columns = std::min(columns, B_ - first);
        const MatrixView<const float> h =
            first < B_ ? saved_.h0.flat().columns(first, columns) : y_.flat().columns(first - B_, columns);
        const float* const dz = dz_at(begin) + (first - begin * B_) * H4_;
        GradientSums<Word> sums{columns, dz, H4_, 0, {}, nullptr, 0, H_, {}, dR_.data, dR_.stride, db_};
        if constexpr (Operands<Word>::kCopies) {
          work_.h_pairs.put_paired(k_, h, team.share(H_, k_.lanes));
          if constexpr (kFeatures)
            work_.x_pairs.put_paired(k_, input_.x.flat().columns(first, columns), team.share(input_.W.cols, k_.lanes));
          team.barrier();
        }
        sums.h = work_.h_pairs.get_paired(h);
        if constexpr (kFeatures) {
          sums.inputs = input_.W.cols;
          sums.x = work_.x_pairs.get_paired(input_.x.flat().columns(first, columns));
          sums.dW = input_.dW.data, sums.dW_column = input_.dW.stride;
        }
        p_.add_gradients(sums, rows.first, rows.last);
        if constexpr (Operands<Word>::kCopies) team.barrier();
        first += columns;
      }
    });
  }

  /// (19) dx = W^T dz; or, of tokens, the sum of each token's dz.
  void input_gradient(const Team& team, Index begin, Index end) {
    const Index count = (end - begin) * B_;
    if constexpr (kFeatures) {
      if (!input_.dx) return;
      const Team::Range columns = team.share(count);
      const Index C = input_.W.cols;
      p_.multiply_packed(C, words<Word>(H4_), work_.W_transposed.data(), dz_operand(begin).from_column(columns.first),
                         {nullptr, 0, 0}, {input_.dx->at(begin).data + columns.first * C, C, 0}, columns.size());
    } else {
      const Team::Range rows = team.share(H4_, k_.panel_rows);
      const Index K = input_.x.per_step;
      for_each_token(
          input_.x.tokens.subspan(static_cast<std::size_t>(begin * B_ * K), static_cast<std::size_t>(count * K)), count,
          [&](Index j, std::int32_t id) {
            const float* const dz = dz_at(begin) + j * H4_;
            k_.elementwise.add(rows.size(), dz + rows.first, &input_.d_table(rows.first, id));
          });
    }
  }

  /// (15) dh(-1) = R^T dz(0), and what is left of dc.
  void finish(const Division& mine) {
    if (T_ == 0 || mine.empty()) return;
    const auto [u0, u1] = mine.units;
    const auto [b0, b1] = mine.columns;
    p_.multiply_packed(u1 - u0, words<Word>(H4_), work_.R_transposed.data() + u0 * words<Word>(H4_),
                       dz_operand(0).from_column(b0), {nullptr, 0, 0}, {work_.dh.data() + u0 + b0 * H_, H_, 0},
                       b1 - b0);
    for (Index b = b0; b < b1; ++b)
      if (y_.length(b) > 0)
        for (Index u = u0; u < u1; ++u) {
          dh_end_(u, b) = work_.dh.data()[u + b * H_];
          dc_end_(u, b) = work_.dc.data()[u + b * H_];
        }
  }

  const Kernels& k_;
  const ProductKernels<Word>& p_;
  MatrixView<const float> R_;
  const LstmLayerCache<float>& saved_;
  const Sequence<float>&y_, &dy_;
  const InputGradient& input_;
  MatrixView<float> dR_;
  float* db_;
  MatrixView<float> dh_end_, dc_end_;
  BackwardWorkspace<Word>& work_;
  const Index H_, H4_, B_, T_, chunk_;
};

}  // namespace rondo::inline v0::detail
