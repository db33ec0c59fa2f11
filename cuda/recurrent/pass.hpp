// SPDX-License-Identifier: MIT
// A pass over one layer in one direction. The input product covers all steps; the recurrent algorithm runs step by
// step.
//
//   forward     Z = W X, then the algorithm: Z(t) + b + R h(t-1) and the cells
//   backward    the algorithm, last step first: the cells backward and dh(t-1) = R^T dz(t), then dX = W^T dZ;
//               after all steps dW = dZ X^T, dR = dZ Hbefore^T, db = the sum of dZ's columns
//
// Legend: C input features, H hidden units, P outputs, G gates and N blocks of the cell, B batch, T time steps.
#pragma once

#include "../ops/gemm.hpp"
#include "arguments.hpp"

#include <rondo/cuda/recurrent.hpp>

#include <cstdint>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

/// Resizes the buffer and returns it as a contiguous matrix.
template <class Scalar>
MatrixView<Scalar> contiguous(Buffer<Scalar, Cuda>& buffer, Index rows, Index cols) {
  buffer.resize(rows * cols);
  return {buffer.data(), rows, cols, rows};
}

/// The 16-bit type to which a pass rounds the operands of its products, if any.
enum class Rounding { none, bf16, fp16 };

/// The products of one pass. Operands are rounded first, if the precision requires it.
template <class Scalar>
class Products {
 public:
  Products(Precision precision, bool backward);

  Rounding rounding() const { return rounding_; }
  bool fp16() const { return rounding_ == Rounding::fp16; }
  /// Resizes `buffer` to `count` 16-bit operands, if these products round; else returns null.
  LowPrecision operands(Buffer<std::uint16_t, Cuda>& buffer, Index count) const;
  /// `a`, or a copy rounded into `low`.
  GemmOperand operator()(MatrixView<const Scalar> a, Buffer<std::uint16_t, Cuda>& low) const;
  /// c = op(a) op(b) + beta c.
  void multiply(Op op_a, Op op_b, const GemmOperand& a, const GemmOperand& b, double beta, MatrixView<Scalar> c) const;
  /// c = a b, in the type of the operands.
  void multiply_to_operand(const GemmOperand& a, const GemmOperand& b, const GemmOperand& c) const;
  /// Rows [first, first + count) of an operand.
  GemmOperand rows_of(const GemmOperand& a, Index first, Index count) const;

 private:
  Rounding rounding_;
  GemmTypes types_;
};

/// What a forward pass keeps of its activations.
enum class Activations { saved, discarded };

/// Refers to its arguments, which must outlive it. cache.h0 and cache.c0 hold the initial state. Buffers of cache for
/// activations that are saved have their shapes.
template <class Cell, class Scalar>
class ForwardPass {
 public:
  ForwardPass(const PassOptions& options, const RecurrentWeights<const Scalar>& w, SequenceView<const Scalar> x,
              SequenceView<Scalar> y, RecurrentCache<Scalar, Cuda>& cache, Activations activations);
  /// The final c is then in the workspace.
  void run();

 private:
  void set_activations(const RecurrentShape& shape, Activations activations);

  Precision precision_;
  Products<Scalar> products_;
  RecurrentWeights<const Scalar> w_;
  SequenceView<const Scalar> x_;
  SequenceView<Scalar> y_;
  RecurrentCache<Scalar, Cuda>& cache_;
  std::vector<std::int32_t> needed_;  // StepOrder::needed on the host
  ForwardArguments<Scalar> a_;
  GemmOperand W_;
};

/// dh_end (P x B) and dc_end (H x B), on entry: gradients of the final state; after run(): of the initial state.
template <class Cell, class Scalar>
class BackwardPass {
 public:
  BackwardPass(const PassOptions& options, const RecurrentWeights<const Scalar>& w, SequenceView<const Scalar> x,
               SequenceView<Scalar> y, SequenceView<const Scalar> dy, RecurrentCache<Scalar, Cuda>& cache,
               const RecurrentWeights<Scalar>& grad, MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
               const RecurrentInputGradient<Scalar, Cuda>& to);
  /// Writes dx, and accumulates the gradients of the weights.
  void run();

 private:
  void clear_dz_padding();
  void write_dx();
  void add_to_weights();
  GemmOperand dz_block(Index first_row, Index rows, Index first_column, Index count) const;
  void add_dz(Index first, MatrixView<Scalar> sum);
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
  std::vector<std::int32_t> needed_;  // StepOrder::needed on the host
  BackwardArguments<Scalar> a_;
  GemmOperand W_;
};

/// Waits for an earlier pass on another stream that accumulates into the same gradient: see directions.cpp.
void wait_before_accumulating();

}  // namespace rondo::inline RONDO_ABI::cuda
