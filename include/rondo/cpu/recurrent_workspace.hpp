// SPDX-License-Identifier: MIT
// Workspace of the passes on the CPU: packed weights and intermediate results. The plain pass and the packed passes
// have separate buffers; those of passes that do not run stay empty. Legend: C input features, H hidden units, P
// outputs, G gates, N blocks of the cell, B batch, T time steps, V vocabulary, D features of an embedding.
#pragma once

#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/packed_operand.hpp>
#include <rondo/math/equations.hpp>
#include <rondo/recurrent/cache.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Buffers of the plain pass.
template <class Scalar>
struct PlainWorkspace {
  PackedMatrix<Scalar, Cpu> R;              // GH x P      packed once for T products
  PackedMatrix<Scalar, Cpu> R_transposed;   // P x GH      the same for backward
  Sequence<Scalar> h_before;                // P x B x T   h(t-1) of each step, after the recurrent dropout mask
  Sequence<Scalar> d_normed_x, d_normed_h;  // GH x B x T  gradients of W x and R h, with layer norm
  Sequence<Scalar> dh_bypass, dc_bypass;    // P x B x 1, H x B x 1   gradients that bypass the cell with zoneout
  Sequence<Scalar> normed_c, d_normed_c;    // H x B x 1   c after its layer norm, and its gradient
  Sequence<Scalar> dz;                      // NH x B x T  gradients of the pre-activations
  Sequence<Scalar> dh;                      // P x B x 1   gradient of h(t) from step t+1
  Sequence<Scalar> dc;                      // H x B x 1   the same for the cell state
  Sequence<Scalar> dh_total;                // P x B x T   dh + dy
  Sequence<Scalar> dm;                      // H x B x 1   gradient of the cell outputs, with a projection
};

/// The packed weights of a layer: W and R in panels of gates, the projection in panels of rows.
struct PackedWeights {
  Buffer<Packed> W, R, projection;

  template <class Cell>
  void reserve_W(const PackedKernels& k, const RecurrentShape& shape) {
    W.resize(gate_elements<Cell>(k, shape.hidden, shape.input));
  }
  template <class Cell>
  void reserve_R(const PackedKernels& k, const RecurrentShape& shape) {
    R.resize(gate_elements<Cell>(k, shape.hidden, shape.output));
  }
  void reserve_projection(const PackedKernels& k, const RecurrentShape& shape) {
    projection.resize(k.whole_panels(shape.output) * k.products.packed_depth(shape.hidden));
  }

  /// Packs the gates of these units of W (GH x C) or R (GH x P).
  template <class Cell>
  static void pack(const PackedKernels& k, MatrixView<const float> from, ThreadGroup::Range units, Buffer<Packed>& to) {
    k.cell.pack_gates(from.rows / Cell::kGates, from.cols, from.data, 1, from.stride, to.data(), units.first,
                      units.last);
  }
  /// Packs these rows of the projection (P x H). rows.first must be a multiple of panel_rows.
  void pack_projection(const PackedKernels& k, MatrixView<const float> from, ThreadGroup::Range rows) {
    k.products.pack(from.cols, from.data, 1, from.stride, projection.data(), rows.first, rows.last);
  }

 private:
  template <class Cell>
  static Index gate_elements(const PackedKernels& k, Index hidden, Index depth) {
    return (hidden + k.level.lanes - 1) / k.level.lanes * k.level.lanes * Cell::kGates * k.products.packed_depth(depth);
  }
};

/// Right operands of the products of a forward pass.
struct ForwardOperands {
  PackedOperand x;  // C x B of each step of a chunk
  PackedOperand h;  // P x 2B: h of two steps; even and odd steps alternate
  PackedOperand m;  // H x B of one step: cell outputs before the projection
};

/// Buffers of the packed backward pass.
struct BackwardWorkspace {
  Buffer<Packed> R_transposed, W_transposed;  // P x GH and C x GH, packed in panels of rows
  Buffer<float> dz;                           // NH x columns of two chunks
  Buffer<float> dh;                           // P x B
  Buffer<float> dc;                           // H x B
  PackedOperand dz_packed;                    // GH x columns of two chunks: dz as the operand of R^T
  PackedOperand dz_rest;                      // the other N - G blocks of dz
  PackedOperand x_pairs, h_pairs;             // x and h(t-1) of the columns of one GradientSums
  Buffer<Packed> projection_transposed;       // H x P, packed in panels of rows
  Buffer<float> dh_steps;                     // P x columns of two chunks, with a projection
  PackedOperand dh_packed;                    // dh_steps as the operand of projection^T
  PackedOperand m_pairs;                      // cell outputs of the columns of one GradientSums
};

/// Buffers of the packed passes.
struct PackedWorkspace {
  PackedWeights weights;
  ForwardOperands operands;
  BackwardWorkspace backward;
};

/// Whether the blocks of a cell are the gates of both W and R. Such a cell has one bias, which is used without a copy.
template <class Cell>
inline constexpr bool kSameBlocks = block_of_gate<Cell>(Cell::kGates - 1) == Cell::kBlocks - 1 && Cell::kBlocks
                                                                                                      == Cell::kGates;

/// The biases of all blocks (NH): a pointer to w.b if possible, otherwise to sums in `copy`. Blocks without a bias have
/// zeros.
template <class Cell>
const float* block_bias(const RecurrentWeights<const float>& w, Buffer<float>& copy) {
  const Index H = w.shape.hidden;
  if (kSameBlocks<Cell> && w.b.data && !w.b_R.data) return w.b.data;
  copy.resize(Cell::kBlocks * H);
  std::fill(copy.begin(), copy.end(), 0.0f);
  for (int g = 0; g < Cell::kGates; ++g)
    for (Index u = 0; u < H; ++u) {
      if (w.b.data) copy.data()[block_of_gate<Cell>(g) * H + u] += w.b(g * H + u, 0);
      if (w.b_R.data) copy.data()[g * H + u] += w.b_R(g * H + u, 0);
    }
  return copy.data();
}

}  // namespace detail

template <class Scalar>
struct RecurrentWorkspace<Scalar, Cpu> {
  static constexpr bool saves_16_bits(Precision) { return false; }

  detail::PlainWorkspace<Scalar> plain;
  detail::PackedWorkspace packed;
  Buffer<Scalar> bias, d_bias;    // NH
  Buffer<Scalar> table, d_table;  // GH x V, for token inputs: W E + b
  Sequence<Scalar> x, dx;         // D x B x T, for token inputs without the table
};

}  // namespace rondo::inline RONDO_ABI
