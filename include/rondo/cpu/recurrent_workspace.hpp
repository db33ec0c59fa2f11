// SPDX-License-Identifier: MIT
// What the CPU's passes work in. The plain pass and the packed ones each have their own; what does not run stays empty.
// Legend: C input features, H hidden units, P outputs, G gates, N blocks of the cell, B batch, T time steps.
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

template <class Scalar>
struct PlainWorkspace {
  PackedMatrix<Scalar, Cpu> R;              // the recurrent weights, made ready for T products
  PackedMatrix<Scalar, Cpu> R_transposed;   // the same for backward
  Sequence<Scalar> h_before;                // P x B x T   what R is multiplied by at each step
  Sequence<Scalar> d_normed_x, d_normed_h;  // GH x B x T  gradients of W x and R h, where a layer norm follows
  Sequence<Scalar> dh_bypass, dc_bypass;    // P x B x 1, H x B x 1   what zoneout passes by the cell
  Sequence<Scalar> normed_c, d_normed_c;    // H x B x 1   c after its layer norm
  Sequence<Scalar> dz;                      // NH x B x T  gradients of the pre-activations
  Sequence<Scalar> dh;                      // P x B x 1   what step t+1 passes down to step t
  Sequence<Scalar> dc;                      // H x B x 1   the same of the cell's own state
  Sequence<Scalar> dh_total;                // P x B x T   dh and the gradient from the layer above
  Sequence<Scalar> dm;                      // H x B x 1   the same before a projection
};

/// A layer's weights in panels of gates, and its projection in panels of rows.
template <class Packed>
struct PackedWeights {
  Buffer<Packed> W, R, projection;

  /// Rows [first, last) of the projection (P x H); first is a multiple of panel_rows.
  void pack_projection(const Kernels& k, MatrixView<const float> from, ThreadGroup::Range rows) {
    products<Packed>(k).pack(from.cols, from.data, 1, from.stride, projection.data(), rows.first, rows.last);
  }
  void reserve_projection(const Kernels& k, const RecurrentShape& shape) {
    projection.resize((shape.output + k.panel_rows - 1) / k.panel_rows * k.panel_rows *
                      packed_depth<Packed>(shape.hidden));
  }

  template <class Cell>
  void reserve_W(const Kernels& k, const RecurrentShape& shape) {
    W.resize(size<Cell>(k, shape.hidden, shape.input));
  }
  template <class Cell>
  void reserve_R(const Kernels& k, const RecurrentShape& shape) {
    R.resize(size<Cell>(k, shape.hidden, shape.output));
  }

  /// These units of W or R.
  template <class Cell>
  static void pack(MatrixView<const float> from, ThreadGroup::Range units, Buffer<Packed>& to) {
    cell_products<Cell, Packed>().pack_gates(from.rows / Cell::kGates, from.cols, from.data, 1, from.stride, to.data(),
                                             units.first, units.last);
  }

 private:
  template <class Cell>
  static Index size(const Kernels& k, Index hidden, Index depth) {
    return (hidden + k.lanes - 1) / k.lanes * k.lanes * Cell::kGates * packed_depth<Packed>(depth);
  }
};

/// What a forward pass multiplies by them.
template <class Packed>
struct ForwardOperands {
  PackedOperand<Packed> x;  // of one chunk of steps
  PackedOperand<Packed> h;  // of two steps: each takes its B columns in turn
  PackedOperand<Packed> m;  // of one step, before a projection
};

template <class Packed>
struct BackwardWorkspace {
  Buffer<Packed> R_transposed, W_transposed;  // in panels of rows
  Buffer<float> dz;                           // NH x columns of two chunks
  Buffer<float> dh;                           // P x B
  Buffer<float> dc;                           // H x B
  PackedOperand<Packed> dz_packed;            // GH of two chunks: what R is multiplied by
  PackedOperand<Packed> dz_rest;              // the blocks behind those
  PackedOperand<Packed> x_pairs, h_pairs;     // of the columns of one sum
  Buffer<Packed> projection_transposed;       // in panels of rows
  Buffer<float> dh_steps;                     // P x columns of two chunks, where there is a projection
  PackedOperand<Packed> dh_packed;            // the same
  PackedOperand<Packed> m_pairs;              // of the columns of one sum
};

template <class Packed>
struct PackedWorkspace {
  PackedWeights<Packed> weights;
  ForwardOperands<Packed> operands;
  BackwardWorkspace<Packed> backward;
};

/// A cell whose blocks are the gates of both W and R needs no more than one bias, which it reads where it is.
template <class Cell>
inline constexpr bool kSameBlocks = block_of_gate<Cell>(Cell::kGates - 1) == Cell::kBlocks - 1 && Cell::kBlocks
                                                                                                      == Cell::kGates;

/// The biases of all blocks (NH): those of `w`, or a copy with zeros where there is none.
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
  detail::PlainWorkspace<Scalar> plain;
  detail::PackedWorkspace<float> packed;
  detail::PackedWorkspace<std::uint32_t> packed_bf16;
  Buffer<Scalar> bias, d_bias;    // NH
  Buffer<Scalar> table, d_table;  // GH x V, of token inputs
  Sequence<Scalar> x, dx;         // D x B x T, of token inputs that are looked up

  /// The packed pass's part for products of this word.
  template <class Packed>
  detail::PackedWorkspace<Packed>& packed_for() {
    if constexpr (std::is_same_v<Packed, float>)
      return packed;
    else
      return packed_bf16;
  }
};

}  // namespace rondo::inline RONDO_ABI
