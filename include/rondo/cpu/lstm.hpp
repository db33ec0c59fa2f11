// SPDX-License-Identifier: MIT
// One LSTM layer over a sequence on the CPU: which pass runs. In float, where the machine has AVX2 or AVX-512, the
// packed one (lstm_packed_*.hpp); in double and elsewhere the plain one (lstm_plain.hpp), which is the text to read.
// The input is a sequence of features, or tokens of which nobody needs to look up an embedding.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/core/token_input.hpp>
#include <rondo/cpu/embedding.hpp>
#include <rondo/cpu/lstm_packed_backward.hpp>
#include <rondo/cpu/lstm_packed_forward.hpp>
#include <rondo/cpu/lstm_plain.hpp>

#include <type_traits>

namespace rondo::inline v0 {

namespace detail {

template <class Word>
PackedWorkspace<Word>& packed_workspace(LstmLayerCache<float>& cache) {
  if constexpr (std::is_same_v<Word, float>)
    return cache.workspace.packed;
  else
    return cache.workspace.packed_bf16;
}

/// The whole forward pass. pack_input(units) packs what `input` needs of these units.
template <class Word, class Input, class PackInput>
void packed_forward(const Kernels& k, const LstmWeights<const float>& w, const Input& input,
                    LstmLayerCache<float>& cache, PackInput&& pack_input) {
  const Index H = w.R.cols, B = cache.y.batch(), T = cache.y.time();
  auto& work = packed_workspace<Word>(cache);
  work.weights.reserve_R(k, H);
  work.operands.h.resize(H, 2 * B);
  const ForwardBuffers buffers{cache.h0.at(0),
                               cache.c0.at(0),
                               {cache.gates.data(), 4 * H * B, T},
                               {cache.c.data(), H * B, T},
                               cache.tanh_c.data(),
                               cache.y,
                               {},
                               {}};
  with_team(threads(), [&](const Team& team) {
    const Team::Range units = team.share(H, k.lanes);
    pack_input(units);
    work.weights.pack(k, w.R, units, work.weights.R);
    team.barrier();
    forward_steps<Word>(k, team, input, work.weights.R.data(), work.operands.h, buffers);
  });
}

template <class Word, class InputGradient>
void packed_backward(const Kernels& k, const LstmWeights<const float>& w, const InputGradient& input,
                     const Sequence<float>& dy, LstmLayerCache<float>& cache, const LstmWeights<float>& grad,
                     MatrixView<float> dh_end, MatrixView<float> dc_end) {
  BackwardPass<Word, InputGradient> pass(k, w.R, cache, dy, input, grad.R, grad.b.data, dh_end, dc_end,
                                         packed_workspace<Word>(cache).backward);
  with_team(threads(), [&](const Team& team) { pass.run(team); });
}

/// f(word) with a value of the type that products of this precision multiply.
template <class F>
void with_word(Precision precision, F&& f) {
  if (precision == Precision::bf16)
    f(std::uint32_t{});
  else
    f(float{});
}

}  // namespace detail

/// cache.h0 and cache.c0 hold the state before the first step, and cache's buffers have their shapes. Writes gates, c,
/// tanh_c and y; zeros in padding.
template <class Scalar>
void lstm_forward(Cpu cpu, [[maybe_unused]] Precision precision, const LstmWeights<const Scalar>& w,
                  const Sequence<Scalar>& x, LstmLayerCache<Scalar>& cache) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (const detail::Kernels* k = detail::kernels())
      return detail::with_word(precision, [&](auto word) {
        using Word = decltype(word);
        auto& work = detail::packed_workspace<Word>(cache);
        work.weights.reserve_W(*k, w.R.cols, w.W.cols);
        const detail::FeatureInput<Word> input(*k, w.R.cols, work.weights.W.data(), w.b.data, x,
                                               detail::steps_projected(x.batch()), work.operands.x);
        detail::packed_forward<Word>(
            *k, w, input, cache, [&](detail::Team::Range units) { work.weights.pack(*k, w.W, units, work.weights.W); });
      });
  lstm_forward_plain(cpu, w, x, cache);
}

/// Gradients of everything, given dy = dL/dy (H x B x T). dh_end and dc_end (H x B) come in as the gradients of the
/// final state and leave as those of the initial state. Adds to grad; writes dx unless it is null.
template <class Scalar>
void lstm_backward(Cpu cpu, [[maybe_unused]] Precision precision, const LstmWeights<const Scalar>& w,
                   const Sequence<Scalar>& x, const Sequence<Scalar>& dy, LstmLayerCache<Scalar>& cache,
                   const LstmWeights<Scalar>& grad, MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
                   Sequence<Scalar>* dx) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (const detail::Kernels* k = detail::kernels())
      return detail::with_word(precision, [&](auto word) {
        detail::packed_backward<decltype(word)>(*k, w, detail::FeatureGradient{w.W, x, grad.W, dx}, dy, cache, grad,
                                                dh_end, dc_end);
      });
  lstm_backward_plain(cpu, w, x, dy, cache, grad, dh_end, dc_end, dx);
}

namespace detail {

/// Whether a table of W E + b is less work than W X: it has V columns instead of B*T.
template <class Scalar>
bool table_pays(const TokenInput<Scalar>& x) {
  return std::is_same_v<Scalar, float> && kernels() != nullptr && x.E.cols < x.batch * x.time;
}

}  // namespace detail

/// The same of tokens: in fp32, one token a step, bit for bit what lstm_forward of their embeddings is.
template <class Scalar>
void lstm_forward(Cpu cpu, Precision precision, const LstmWeights<const Scalar>& w, const TokenInput<Scalar>& x,
                  LstmLayerCache<Scalar>& cache) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (detail::table_pays(x)) {
      const detail::TableInput input(*detail::kernels(), w, x, cache.workspace.table);
      input.fill_table(w);
      return detail::with_word(precision, [&](auto word) {
        detail::packed_forward<decltype(word)>(*detail::kernels(), w, input, cache, [](detail::Team::Range) {});
      });
    }
  auto& features = cache.workspace.x;
  features.resize(x.E.rows, x.batch, x.time);
  embedding_forward(cpu, x.E, x.tokens, features.flat());
  lstm_forward(cpu, precision, w, features, cache);
}

/// The same of tokens; adds to dE (D x V).
template <class Scalar>
void lstm_backward(Cpu cpu, Precision precision, const LstmWeights<const Scalar>& w, const TokenInput<Scalar>& x,
                   const Sequence<Scalar>& dy, LstmLayerCache<Scalar>& cache, const LstmWeights<Scalar>& grad,
                   MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end, MatrixView<Scalar> dE) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (detail::table_pays(x)) {
      cache.workspace.d_table.resize(4 * w.R.cols * x.E.cols);
      const MatrixView<float> d_table{cache.workspace.d_table.data(), 4 * w.R.cols, x.E.cols, 4 * w.R.cols};
      fill(cpu, d_table, 0.0f);
      detail::with_word(precision, [&](auto word) {
        detail::packed_backward<decltype(word)>(*detail::kernels(), w, detail::TableGradient{x, d_table}, dy, cache,
                                                grad, dh_end, dc_end);
      });
      gemm(cpu, Op::none, Op::transpose, d_table, x.E, grad.W);  // forward: table = W E + b
      gemm(cpu, Op::transpose, Op::none, w.W, d_table, dE);
      return;
    }
  auto& d_features = cache.workspace.dx;
  d_features.resize(x.E.rows, x.batch, x.time);
  lstm_backward(cpu, precision, w, cache.workspace.x, dy, cache, grad, dh_end, dc_end, &d_features);
  embedding_backward(cpu, x.tokens, d_features.flat(), dE);
}

/// The cell of one step that nobody looks back on: z (4H x B) holds the pre-activations and is used up; c becomes the
/// next cell and h (H x B) the next hidden state, with the bits of lstm_forward.
template <class Scalar>
void lstm_step_cells(Cpu cpu, MatrixView<Scalar> z, MatrixView<Scalar> c, MatrixView<Scalar> h) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (const detail::Kernels* k = detail::kernels()) {
      const detail::LstmCells cells{z.data, z.stride, h.rows, c.data, c.data, nullptr, h.data, h.stride};
      k->fp32.lstm_step({h.cols, 0, false, nullptr, {nullptr, 0, 0}, cells}, 0, h.rows);  // R h is in z
      return;
    }
  // tanh(c) needs a place: h is read no more, and lstm_cells writes it before it writes h
  lstm_cells(cpu, z, c, c, h, h, h.cols);
}

}  // namespace rondo::inline v0
