// SPDX-License-Identifier: MIT
// StaticLstm and StaticGru: networks for one stream whose sizes are known when compiling, for microcontrollers. No
// heap, no exceptions, no RTTI, no threads, no libm. See docs/14-small-targets.md. Legend: C inputs, H hidden units, L
// layers.
#pragma once

#include <rondo/embedded/functions.hpp>
#include <rondo/embedded/products.hpp>
#include <rondo/embedded/weights.hpp>

#include <stddef.h>
#include <stdint.h>

namespace rondo::inline v0::embedded {

namespace detail::equations {
template <class Cell>
struct Equations;
#include <rondo/math/cells/gru.inl>
#include <rondo/math/cells/lstm.inl>
}  // namespace detail::equations

namespace detail {

/// An input as the matrix multiplies it: the numbers themselves, or rounded to 16 bits. Hidden states are in [-1, 1].
template <class Matrix, bool kIsState>
struct Operand;
template <size_t G, size_t H, size_t N, bool kIsState>
struct Operand<Fp32Matrix<G, H, N>, kIsState> {
  const float* values;
  constexpr explicit Operand(const float* x) : values(x) {}
};
template <size_t G, size_t H, size_t N, bool kIsState>
struct Operand<Int8Matrix<G, H, N>, kIsState> {
  Quantised<N> values;
  constexpr explicit Operand(const float* x) {
    const float factor = kIsState ? 32767 : input_factor<N>(x);
    values.scale = kIsState ? 1 : 32767 / factor;
    quantise<N>(x, factor, values.q);
  }
};

/// One step of one layer. h, c: in/out.
template <bool kInputsAreStates, class Cell, size_t H, class InputMatrix, class RecurrentMatrix>
constexpr void layer_step(const LayerWeights<Cell, H, InputMatrix, RecurrentMatrix>& weights, const float* inputs,
                          float (&h)[H], float* c) {
  const Operand<InputMatrix, kInputsAreStates> x(inputs);
  const Operand<RecurrentMatrix, true> h_before(h);
  float h_new[H];
  for (size_t u = 0; u < H; ++u) {
    float sums[Cell::kBlocks];
#pragma GCC unroll 4
    for (size_t block = 0; block < Cell::kBlocks; ++block) sums[block] = weights.b[u][block];
    add_product<InputBlocks<Cell>>(weights.W, u, x.values, sums);
    add_product<RecurrentBlocks<Cell>>(weights.R, u, h_before.values, sums);
    Fraction z[Cell::kBlocks] = {sums[0], sums[1], sums[2], sums[3]}, c_new, tanh_c, h_out;
    const float before = Cell::kHasC ? c[u] : h[u];
    equations::Equations<Cell>::forward(z, before, c_new, tanh_c, h_out);
    if constexpr (Cell::kHasC) c[u] = c_new;
    h_new[u] = h_out;
  }
  for (size_t u = 0; u < H; ++u) h[u] = h_new[u];
}

}  // namespace detail

/// `steps` steps of a StaticRecurrent or a Model. x: steps x C, y: steps x K, row-major. They may be the same memory if
/// C = K.
template <class Model>
constexpr void process(Model& model, const float* x, float* y, size_t steps) {
  for (size_t t = 0; t < steps; ++t) {
    float now[Model::kInputs];
    for (size_t n = 0; n < Model::kInputs; ++n) now[n] = x[t * Model::kInputs + n];
    const float(&out)[Model::kOutputs] = model.step(now);
    for (size_t n = 0; n < Model::kOutputs; ++n) y[t * Model::kOutputs + n] = out[n];
  }
}

/// A recurrent network for one stream. Sizes belong to the type, weights stay where they are (flash), and the object
/// holds only the state: L H numbers for a GRU, 2 L H for an LSTM. Uses about 4 H bytes of stack for fp32 weights.
///
/// Results agree with Recurrent<Cell, double> to rounding in float and the errors of tanh and sigmoid (functions.hpp).
/// With int8 weights, the hidden state is rounded to 16 bits in products (relative 1.5e-5), as are more than four
/// inputs, relative to the largest of them; sums are exact, and the state stays fp32.
///
/// @code
/// static constexpr rondo::embedded::StaticLstmWeights<1, 16> kWeights = {...};  // of `rondo convert`
/// rondo::embedded::StaticLstm<1, 16> lstm(kWeights);
/// const float (&h)[16] = lstm.step({sample});
/// @endcode
template <class Cell, size_t C, size_t H, size_t L = 1, class Weight = float>
class StaticRecurrent {
 public:
  using Weights = StaticRecurrentWeights<Cell, C, H, L, Weight>;  ///< type of the weights
  using State = StaticState<Cell, H, L>;                          ///< h and c of all layers

  static constexpr size_t kInputs = C;   ///< C
  static constexpr size_t kOutputs = H;  ///< H

  /// Refers to `weights`, which must outlive it. The state is zero.
  constexpr explicit StaticRecurrent(const Weights& weights) : weights_(&weights) {}
  explicit StaticRecurrent(const Weights&& weights) = delete;

  /// One step. x: C values. Returns h of the last layer, valid until the next step.
  constexpr const float (&step(const float (&x)[C]))[H] {
    detail::layer_step<false>(weights_->layers.first, x, state_.h[0], state_.c[0]);
    if constexpr (L > 1)
      for (size_t l = 1; l < L; ++l)
        detail::layer_step<true>(weights_->layers.rest[l - 1], state_.h[l - 1], state_.h[l],
                                 state_.c[Cell::kHasC ? l : 0]);
    return state_.h[L - 1];
  }

  /// `steps` steps. x: steps x C, y: steps x H, row-major. They may be the same memory if C = H.
  constexpr void process(const float* x, float* y, size_t steps) { embedded::process(*this, x, y, steps); }

  /// Sets the state to zero.
  constexpr void reset() { state_ = State{}; }
  /// Continues from `state`. With int8 weights, h has to be in [-1, 1], as it is after a step from zero.
  constexpr void set_state(const State& state) { state_ = state; }
  /// The state after the last step.
  constexpr const State& state() const { return state_; }

 private:
  const Weights* weights_;
  State state_;
};

/// An LSTM for one stream; C inputs, H units, L layers.
template <size_t C, size_t H, size_t L = 1, class Weight = float>
using StaticLstm = StaticRecurrent<LstmCell, C, H, L, Weight>;

/// A GRU for one stream; C inputs, H units, L layers.
template <size_t C, size_t H, size_t L = 1, class Weight = float>
using StaticGru = StaticRecurrent<GruCell, C, H, L, Weight>;

}  // namespace rondo::inline v0::embedded
