// SPDX-License-Identifier: MIT
// One LSTM layer whose weights lie packed, run forward and nothing kept, on the CPU: see layers/inference_lstm.hpp.
#pragma once

#include <rondo/core/lstm_cache.hpp>
#include <rondo/core/operations.hpp>
#include <rondo/core/precision.hpp>
#include <rondo/cpu/lstm.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace rondo::inline v0 {

template <class Scalar>
struct InferenceWeights<Scalar, Cpu> {
  Index inputs = 0, hidden = 0;
  Precision precision = Precision::fp32;
  const detail::Kernels* kernels = nullptr;  // of the level that packed them; null: the plain pass
  detail::PackedWeights<float> packed;
  detail::PackedWeights<std::uint32_t> packed_bf16;
  PackedMatrix<Scalar, Cpu> W, R;  // of the plain pass
  Buffer<Scalar> bias;             // 4H
};

template <class Scalar>
struct InferenceWorkspace<Scalar, Cpu> {
  Sequence<Scalar> h0, c;  // H x B x 1
  Buffer<Scalar> z;        // 4H x B of some steps
  detail::ForwardOperands<float> operands;
  detail::ForwardOperands<std::uint32_t> operands_bf16;
};

namespace detail {

template <class Word, class Weights>
auto& packed_weights(Weights& weights) {
  if constexpr (std::is_same_v<Word, float>)
    return weights.packed;
  else
    return weights.packed_bf16;
}

template <class Word>
ForwardOperands<Word>& forward_operands(InferenceWorkspace<float, Cpu>& work) {
  if constexpr (std::is_same_v<Word, float>)
    return work.operands;
  else
    return work.operands_bf16;
}

}  // namespace detail

/// Copies and packs a layer's weights.
template <class Scalar>
void lstm_prepare_inference(Cpu cpu, Precision precision, const LstmWeights<const Scalar>& from,
                            InferenceWeights<Scalar, Cpu>& to) {
  const Index H = from.R.cols;
  to.inputs = from.W.cols, to.hidden = H, to.precision = precision;
  to.bias.resize(4 * H);
  std::copy_n(from.b.data, 4 * H, to.bias.data());
  if constexpr (std::is_same_v<Scalar, float>)
    if ((to.kernels = detail::kernels()) != nullptr)
      return detail::with_word(precision, [&](auto word) {
        auto& packed = detail::packed_weights<decltype(word)>(to);
        packed.reserve_W(*to.kernels, H, from.W.cols);
        packed.reserve_R(*to.kernels, H);
        packed.pack(*to.kernels, from.W, {0, H}, packed.W);
        packed.pack(*to.kernels, from.R, {0, H}, packed.R);
      });
  pack(cpu, Op::none, from.W, to.W);
  pack(cpu, Op::none, from.R, to.R);
}

namespace detail {

template <class Word>
void infer_packed(const InferenceWeights<float, Cpu>& w, const Sequence<float>& x, MatrixView<float> h,
                  MatrixView<float> c, Sequence<float>& y, InferenceWorkspace<float, Cpu>& work) {
  const Kernels& k = *w.kernels;
  const Index H = w.hidden, B = x.batch();
  const Index chunk = std::min(x.time(), steps_projected(B));
  work.z.resize(4 * H * B * chunk);
  auto& operands = forward_operands<Word>(work);
  operands.h.resize(H, 2 * B);
  const auto& packed = packed_weights<Word>(w);
  const FeatureInput<Word> input(k, H, packed.W.data(), w.bias.data(), x, chunk, operands.x);
  const ForwardBuffers buffers{
      work.h0.at(0), work.c.at(0), {work.z.data(), 4 * H * B, chunk}, {work.c.data(), H * B, 1}, nullptr, y, h, c};
  with_team(threads(),
            [&](const Team& team) { forward_steps<Word>(k, team, input, packed.R.data(), operands.h, buffers); });
}

template <class Scalar>
void infer_plain(const InferenceWeights<Scalar, Cpu>& w, const Sequence<Scalar>& x, MatrixView<Scalar> h,
                 MatrixView<Scalar> c, Sequence<Scalar>& y, InferenceWorkspace<Scalar, Cpu>& work) {
  const Index H = w.hidden, B = x.batch();
  work.z.resize(4 * H * B);
  const MatrixView<Scalar> z{work.z.data(), 4 * H, B, 4 * H};
  const MatrixView<const Scalar> bias{w.bias.data(), 4 * H, 1, 4 * H};
  for (Index t = 0; t < x.time(); ++t) {
    set_columns(Cpu{}, z, bias);
    gemm(Cpu{}, w.W, x.at(t), z);
    gemm(Cpu{}, w.R, t > 0 ? MatrixView<const Scalar>(y.at(t - 1)) : work.h0.at(0), z);
    lstm_step_cells(Cpu{}, z, work.c.at(0), y.at(t));
    for (Index b = 0; b < B; ++b) {
      if (!x.active(b, t)) column_of(y.at(t), b).setZero();
      if (x.length(b) != t + 1) continue;
      column_of(h, b) = column_of(y.at(t), b);
      column_of(c, b) = column_of(work.c.at(0), b);
    }
  }
}

}  // namespace detail

/// Runs over x (C x B x T) from the state h, c (H x B), which moves to each sequence's end. y becomes H x B x T; zeros
/// in padding.
template <class Scalar>
void lstm_infer(Cpu cpu, const InferenceWeights<Scalar, Cpu>& w, const Sequence<Scalar>& x, MatrixView<Scalar> h,
                MatrixView<Scalar> c, Sequence<Scalar>& y, InferenceWorkspace<Scalar, Cpu>& work) {
  y.resize_like(x, w.hidden);
  for (auto* s : {&work.h0, &work.c}) s->resize(w.hidden, x.batch(), 1);
  copy(cpu, h, work.h0.at(0));
  copy(cpu, c, work.c.at(0));
  if constexpr (std::is_same_v<Scalar, float>)
    if (w.kernels != nullptr)
      return detail::with_word(w.precision,
                               [&](auto word) { detail::infer_packed<decltype(word)>(w, x, h, c, y, work); });
  detail::infer_plain(w, x, h, c, y, work);
}

}  // namespace rondo::inline v0
