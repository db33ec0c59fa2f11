// SPDX-License-Identifier: MIT
// What the CPU's passes work in. The plain pass and the packed ones each have their own; what does not run stays empty.
#pragma once

#include <rondo/core/lstm_cache.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/operands.hpp>

#include <cstdint>

namespace rondo::inline v0 {

namespace detail {

template <class Scalar>
struct PlainWorkspace {
  PackedMatrix<Scalar, Cpu> R;             // the recurrent weights, made ready for T products
  PackedMatrix<Scalar, Cpu> R_transposed;  // the same for backward
  Sequence<Scalar> dz;                     // 4H x B x T  gradients of the pre-activations
  Sequence<Scalar> dh;                     // H x B x 1   what step t+1 passes down to step t
  Sequence<Scalar> dc;                     // H x B x 1
  Sequence<Scalar> dh_total;               // H x B x 1   dh and the gradient from the layer above
};

/// A layer's weights in panels of gates.
template <class Word>
struct PackedWeights {
  Buffer<Word> W, R;

  void reserve_W(const Kernels& k, Index hidden, Index inputs) { W.resize(size(k, hidden, inputs)); }
  void reserve_R(const Kernels& k, Index hidden) { R.resize(size(k, hidden, hidden)); }

  /// These units of W or R.
  static void pack(const Kernels& k, MatrixView<const float> from, Team::Range units, Buffer<Word>& to) {
    products<Word>(k).pack_gates(from.rows / 4, from.cols, from.data, 1, from.stride, to.data(), units.first,
                                 units.last);
  }

 private:
  static Index size(const Kernels& k, Index hidden, Index depth) {
    return (hidden + k.lanes - 1) / k.lanes * k.panel_rows * words<Word>(depth);
  }
};

/// What a forward pass multiplies by them.
template <class Word>
struct ForwardOperands {
  Operands<Word> x;  // of one chunk of steps
  Operands<Word> h;  // of two steps: t - 1 in the columns from B * (t % 2) on
};

template <class Word>
struct BackwardWorkspace {
  Buffer<Word> R_transposed, W_transposed;  // in panels of rows
  Buffer<float> dz;                         // 4H x columns of two chunks
  Buffer<float> dh, dc;                     // H x B
  Operands<Word> dz_words;                  // of two chunks
  Operands<Word> x_pairs, h_pairs;          // of the columns of one sum
};

template <class Word>
struct PackedWorkspace {
  PackedWeights<Word> weights;
  ForwardOperands<Word> operands;
  BackwardWorkspace<Word> backward;
};

}  // namespace detail

template <class Scalar>
struct LstmWorkspace<Scalar, Cpu> {
  detail::PlainWorkspace<Scalar> plain;
  detail::PackedWorkspace<float> packed;
  detail::PackedWorkspace<std::uint32_t> packed_bf16;
  Buffer<Scalar> table, d_table;  // 4H x V, of token inputs
  Sequence<Scalar> x, dx;         // D x B x T, of token inputs that are looked up
};

}  // namespace rondo::inline v0
