// SPDX-License-Identifier: MIT
// Weights of recurrent networks whose sizes are known when compiling: plain arrays, which a `constexpr` object keeps in
// flash. `rondo convert model weights.hpp` writes them; see docs/14-small-targets.md. Legend: C inputs, H units, G
// gates of the cell, B blocks of its pre-activations, L layers, K outputs.
#pragma once

#include <rondo/version.hpp>

// Headers of C: those of C++ need a C++ library, which a compiler for microcontrollers may not have.
#include <stddef.h>
#include <stdint.h>

namespace rondo::inline v0::embedded {

/// The LSTM: gates i, f, g, o. Equations: math/cells/lstm.inl.
struct LstmCell {
  static constexpr size_t kGates = 4;                           ///< G: gates in W and R
  static constexpr size_t kBlocks = 4;                          ///< B: blocks of pre-activations
  static constexpr size_t kInputBlocks[kGates] = {0, 1, 2, 3};  ///< the block to which each gate of W x is added
  static constexpr bool kHasC = true;                           ///< has a state c
};

/// The GRU: gates r, u, n, blocks r, u, n_h, n_x. Equations: math/cells/gru.inl.
struct GruCell {
  static constexpr size_t kGates = 3;                        ///< G: gates in W and R
  static constexpr size_t kBlocks = 4;                       ///< B: blocks of pre-activations
  static constexpr size_t kInputBlocks[kGates] = {0, 1, 3};  ///< the block to which each gate of W x is added
  static constexpr bool kHasC = false;                       ///< no state c
};

/// `n` rounded up to a multiple of 4.
constexpr size_t padded(size_t n) { return (n + 3) / 4 * 4; }

/// An fp32 matrix of N columns, with G rows for each of H units. All gates of a unit share the load of an input.
template <size_t G, size_t H, size_t N>
struct Fp32Matrix {
  float w[H][N][G];  ///< unit, column, gate
};

/// The same as 8-bit integers: w = 32767 * scale * q, |q| <= 127. The scale belongs to the row; 32767 is the scale of
/// the hidden state, which is multiplied with 16 bits.
template <size_t G, size_t H, size_t N>
struct Int8Matrix {
  static_assert(padded(N) <= 512, "an int8 matrix has at most 512 columns: sums have 32 bits");
  alignas(4) int8_t q[H][padded(N) / 4][G][4];  ///< unit, group of four columns, gate, column; zeros after N columns
  float scale[H][G];                            ///< unit, gate
};

/// One layer. z = W x + R h + b.
template <class Cell, size_t H, class InputMatrix, class RecurrentMatrix>
struct LayerWeights {
  InputMatrix W;              ///< of the inputs
  RecurrentMatrix R;          ///< of the hidden state
  float b[H][Cell::kBlocks];  ///< unit, block; the sum of both biases, except for n_h, n_x of the GRU
};

namespace detail {

/// W of the first layer with int8 weights.
template <bool kFewInputs, size_t G, size_t H, size_t N>
struct InputMatrix {
  using Type = Int8Matrix<G, H, N>;
};
template <size_t G, size_t H, size_t N>
struct InputMatrix<true, G, H, N> {
  using Type = Fp32Matrix<G, H, N>;
};

}  // namespace detail

/// Chooses the matrices of layers by the type of the weights. W of the first layer stays fp32 up to four inputs, where
/// int8 with its scale and padding would save little.
template <class Cell, size_t C, size_t H, class Weight>
struct LayerTypes;
/// fp32
template <class Cell, size_t C, size_t H>
struct LayerTypes<Cell, C, H, float> {
  using Matrix = Fp32Matrix<Cell::kGates, H, H>;                                ///< R, and W of the other layers
  using First = LayerWeights<Cell, H, Fp32Matrix<Cell::kGates, H, C>, Matrix>;  ///< layer 0
  using Next = LayerWeights<Cell, H, Matrix, Matrix>;                           ///< others
};
/// int8
template <class Cell, size_t C, size_t H>
struct LayerTypes<Cell, C, H, int8_t> {
  using Matrix = Int8Matrix<Cell::kGates, H, H>;                                   ///< R, and W of the others
  using Input = typename detail::InputMatrix<(C <= 4), Cell::kGates, H, C>::Type;  ///< W of layer 0
  using First = LayerWeights<Cell, H, Input, Matrix>;                              ///< layer 0
  using Next = LayerWeights<Cell, H, Matrix, Matrix>;                              ///< others
};

/// Layers of one network: the first, and `rest` where L > 1.
template <class First, class Next, size_t L>
struct LayerStack {
  First first;       ///< layer 0
  Next rest[L - 1];  ///< layers 1 to L-1
};
/// One layer.
template <class First, class Next>
struct LayerStack<First, Next, 1> {
  First first;  ///< layer 0
};

/// Weights of L layers of one cell. Weight: float, or int8_t for matrices of 8 bits with fp32 scales and biases.
template <class Cell, size_t C, size_t H, size_t L = 1, class Weight = float>
struct StaticRecurrentWeights {
  static_assert(C > 0 && H > 0 && L > 0, "StaticRecurrentWeights: C, H and L are positive");
  /// The layers.
  LayerStack<typename LayerTypes<Cell, C, H, Weight>::First, typename LayerTypes<Cell, C, H, Weight>::Next, L> layers;
};

/// Weights of a StaticLstm.
template <size_t C, size_t H, size_t L = 1, class Weight = float>
using StaticLstmWeights = StaticRecurrentWeights<LstmCell, C, H, L, Weight>;

/// Weights of a StaticGru.
template <size_t C, size_t H, size_t L = 1, class Weight = float>
using StaticGruWeights = StaticRecurrentWeights<GruCell, C, H, L, Weight>;

/// State of L layers.
template <class Cell, size_t H, size_t L>
struct StaticState {
  float h[L][H] = {};                                      ///< hidden state
  float c[Cell::kHasC ? L : 1][Cell::kHasC ? H : 1] = {};  ///< cell state; one unused number for a GRU
};

/// Weights of a StaticLinear, y = W x + b.
template <size_t C, size_t K>
struct StaticLinearWeights {
  float W[K][C];  ///< rows of W
  float b[K];     ///< bias
};

}  // namespace rondo::inline v0::embedded
