// SPDX-License-Identifier: MIT
// A pass over one layer in one direction, in pieces, so that several layers may take turns (wavefront.cpp): what is
// linear in one product over the steps of a piece, and between products the algorithm that goes through time.
//
//   forward     Z = W X, then the algorithm: Z(t) + b + R h(t-1) and the cells
//   backward    the algorithm, last step first: the cells backward and dh(t-1) = R^T dz(t), then dX = W^T dZ;
//               at the end dW = dZ X^T, dR = dZ Hbefore^T, db = the sum of dZ's columns
//
// Legend: C input features, H hidden units, P outputs, G gates and N blocks of the cell, B batch, T time steps.
#pragma once

#include "../ops/gemm.hpp"
#include "arguments.hpp"

#include <rondo/cuda/recurrent.hpp>

namespace rondo::inline RONDO_ABI::cuda {

/// The buffer as a matrix of this shape.
template <class Scalar>
MatrixView<Scalar> contiguous(Buffer<Scalar, Cuda>& buffer, Index rows, Index cols) {
  buffer.resize(rows * cols);
  return {buffer.data(), rows, cols, rows};
}

/// Whether a pass rounds the factors of its products to 16 bits.
enum class Rounding { none, bf16, fp16 };

/// The products of one pass: take factors as they are, or round them first.
template <class Scalar>
class Products {
 public:
  Products(Precision precision, bool backward);

  Rounding rounding() const { return rounding_; }
  bool fp16() const { return rounding_ == Rounding::fp16; }
  /// Makes room for `count` operands in 16 bits, if that is what these products take.
  LowPrecision operands(Buffer<std::uint16_t, Cuda>& buffer, Index count) const;
  /// `a`, or a copy rounded into `low`.
  GemmOperand operator()(MatrixView<const Scalar> a, Buffer<std::uint16_t, Cuda>& low) const;
  /// c = op(a) op(b) + beta c.
  void multiply(Op op_a, Op op_b, const GemmOperand& a, const GemmOperand& b, double beta, MatrixView<Scalar> c) const;

 private:
  Rounding rounding_;
  GemmTypes types_;
};

/// All that it refers to must outlive it. cache.h0 and cache.c0 hold the state before the first step, and cache's
/// buffers have their shapes.
template <class Cell, class Scalar>
class ForwardPass {
 public:
  ForwardPass(const PassOptions& options, const RecurrentWeights<const Scalar>& w, SequenceView<const Scalar> x,
              SequenceView<Scalar> y, RecurrentCache<Scalar, Cuda>& cache);
  /// Steps [first, last) in the order of the direction, after those before them; x is there up to `last`.
  void run(Index first, Index last);

 private:
  Precision precision_;
  Products<Scalar> products_;
  RecurrentWeights<const Scalar> w_;
  SequenceView<const Scalar> x_;
  SequenceView<Scalar> y_;
  RecurrentCache<Scalar, Cuda>& cache_;
  ForwardArguments<Scalar> a_;
  GemmOperand W_;
};

/// dh_end (P x B) and dc_end (H x B) come in as the gradients of the final state and leave, after finish(), as those of
/// the initial one.
template <class Cell, class Scalar>
class BackwardPass {
 public:
  BackwardPass(const PassOptions& options, const RecurrentWeights<const Scalar>& w, SequenceView<const Scalar> x,
               SequenceView<Scalar> y, SequenceView<const Scalar> dy, RecurrentCache<Scalar, Cuda>& cache,
               const RecurrentWeights<Scalar>& grad, MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
               const RecurrentInputGradient<Scalar, Cuda>& to);
  /// Steps [first, last) of the way back, after those before them; dy is there up to `last`. Writes dx of their times.
  void run(Index first, Index last);
  /// After all steps: adds to the gradients of the weights.
  void finish();

 private:
  GemmOperand dz_block(Index first_row, Index rows, Index first_column, Index count) const;
  void add_to_dR();

  Precision precision_;
  Products<Scalar> products_;
  RecurrentWeights<const Scalar> w_;
  SequenceView<const Scalar> x_;
  SequenceView<Scalar> y_;
  RecurrentCache<Scalar, Cuda>& cache_;
  RecurrentWeights<Scalar> grad_;
  MatrixView<Scalar> dh_end_, dc_end_;
  RecurrentInputGradient<Scalar, Cuda> to_;
  BackwardArguments<Scalar> a_;
  GemmOperand W_;
};

/// What add to a gradient that another stream adds to as well waits here for that one: see directions.cpp.
void wait_before_accumulating();

}  // namespace rondo::inline RONDO_ABI::cuda
