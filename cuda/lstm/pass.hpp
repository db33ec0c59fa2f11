// SPDX-License-Identifier: MIT
// A pass over one layer in pieces, so that several layers may take turns (wavefront.cpp): what is linear in one product
// over the steps of a piece, and between products the walk through time.
//
//   forward     Z = W X, then the walk: Z(t) + b + R h(t-1) and the cells
//   backward    the walk, last step first: the cells backward and dh(t-1) = R^T dz(t), then dX = W^T dZ;
//               at the end dW = dZ X^T, dR = dZ Hbefore^T, db = the sum of dZ's columns
//
// Legend: C input features, H hidden units, B batch, T time steps.
#pragma once

#include "../ops/gemm.hpp"
#include "arguments.hpp"

#include <rondo/cuda/lstm.hpp>

namespace rondo::inline v0::cuda {

/// The buffer as a matrix of this shape.
template <class Scalar>
MatrixView<Scalar> contiguous(Buffer<Scalar, Cuda>& buffer, Index rows, Index cols) {
  buffer.resize(rows * cols);
  return {buffer.data(), rows, cols, rows};
}

/// Whether a pass rounds the factors of its products to 16 bits.
enum class Words { none, bf16, fp16 };

/// The products of one pass: take factors as they are, or round them first.
template <class Scalar>
class Products {
 public:
  Products(Precision precision, bool backward);

  Words words() const { return words_; }
  /// `a`, or a copy rounded into `words`.
  Factor operator()(MatrixView<const Scalar> a, Buffer<std::uint16_t, Cuda>& words) const;
  /// c = op(a) op(b) + beta c.
  void multiply(Op op_a, Op op_b, const Factor& a, const Factor& b, double beta, MatrixView<Scalar> c) const;

 private:
  Words words_;
  Factors factors_;
};

/// All that it refers to must outlive it. cache.h0 and cache.c0 hold the state before the first step, and cache's
/// buffers have their shapes.
template <class Scalar>
class ForwardPass {
 public:
  ForwardPass(Precision precision, const LstmWeights<const Scalar>& w, const Sequence<Scalar, Cuda>& x,
              LstmLayerCache<Scalar, Cuda>& cache);
  /// Steps [first, last), after those before them; x is there up to `last`.
  void run(Index first, Index last);

 private:
  Precision precision_;
  Products<Scalar> products_;
  LstmWeights<const Scalar> w_;
  const Sequence<Scalar, Cuda>& x_;
  LstmLayerCache<Scalar, Cuda>& cache_;
  ForwardArguments<Scalar> a_;
  Factor W_;
};

/// dh_end and dc_end (H x B) come in as the gradients of the final state and leave, after finish(), as those of the
/// initial one.
template <class Scalar>
class BackwardPass {
 public:
  BackwardPass(Precision precision, const LstmWeights<const Scalar>& w, const Sequence<Scalar, Cuda>& x,
               const Sequence<Scalar, Cuda>& dy, LstmLayerCache<Scalar, Cuda>& cache, const LstmWeights<Scalar>& grad,
               MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end, Sequence<Scalar, Cuda>* dx);
  /// Times [first, last), after those behind them; dy is there from `first` on. Writes dx of these times.
  void run(Index first, Index last);
  /// After all times: adds to the gradients of the weights.
  void finish();

 private:
  Factor dz_columns(Index first, Index count) const;

  Precision precision_;
  Products<Scalar> products_;
  LstmWeights<const Scalar> w_;
  const Sequence<Scalar, Cuda>& x_;
  LstmLayerCache<Scalar, Cuda>& cache_;
  LstmWeights<Scalar> grad_;
  MatrixView<Scalar> dh_end_, dc_end_;
  Sequence<Scalar, Cuda>* dx_;
  BackwardArguments<Scalar> a_;
  Factor W_;
};

}  // namespace rondo::inline v0::cuda
