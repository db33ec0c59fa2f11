// SPDX-License-Identifier: MIT
// The input projection of the packed forward pass, z = W x + b: a matrix product for features, a table look-up for
// tokens. Legend: C input features, D = C features of
// an embedding, H hidden units, G gates, N blocks of the cell, B batch, V vocabulary.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/packed_operand.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>
#include <rondo/math/equations.hpp>
#include <rondo/recurrent/input.hpp>
#include <rondo/recurrent/weights.hpp>

#include <algorithm>
#include <cstdint>

namespace rondo::inline RONDO_ABI::detail {

/// The block of z that one thread computes in one call.
struct StepBlock {
  ThreadGroup::Range units;    // of H
  ThreadGroup::Range columns;  // of B
  Index first_step, steps;
};

/// Input projection of one pass. All threads use one object.
class InputProjection {
 public:
  virtual ~InputProjection() = default;
  /// Whether pack_x() writes anything.
  virtual bool packs_x() const = 0;
  /// Packs these columns of the batch for each of the steps. A barrier is needed before project() if other threads read
  /// them.
  virtual void pack_x(ThreadGroup::Range columns, Index first_step, Index steps) const = 0;
  /// Writes z. `z` points to column 0 of the first step.
  virtual void project(const StepBlock& at, float* z) const = 0;
};

/// Input projection of features: Z = b + W X.
template <class Cell>
class FeatureInput final : public InputProjection {
 public:
  /// W: packed in panels of gates. bias: NH. Resizes `copies` to hold `chunk` steps of x.
  FeatureInput(const PackedKernels& k, Index hidden, const Packed* W, const float* bias,
               const SequenceView<const float>& x, Index chunk, PackedOperand& copies)
      : k_(k), hidden_(hidden), W_(W), bias_(bias), x_(x), copies_(copies) {
    copies.resize(k.products, x.features(), x.batch() * chunk);
  }

  bool packs_x() const override { return copies_.copies(); }
  void pack_x(ThreadGroup::Range columns, Index first_step, Index steps) const override {
    for (Index t = 0; t < steps; ++t) copies_.pack(t * x_.batch(), x_.at(first_step + t), {0, x_.features()}, columns);
  }
  void project(const StepBlock& at, float* z) const override {
    const Index B = x_.batch(), C = x_.features(), NH = Cell::kBlocks * hidden_, first = at.columns.first;
    const bool whole = at.columns.size() == B;  // then the columns of all steps are contiguous
    k_.cell.project_gates(
        {hidden_, whole ? B * at.steps : at.columns.size(), whole ? 1 : at.steps, B, k_.products.packed_depth(C), W_,
         bias_, copies_.operand(0, x_.at(at.first_step)).from_column(first), z + first * NH, NH},
        at.units.first, at.units.last);
  }

 private:
  const PackedKernels& k_;
  Index hidden_;
  const Packed* W_;
  const float* bias_;  // NH
  SequenceView<const float> x_;
  PackedOperand& copies_;
};

/// Input projection of tokens: each column of Z is looked up in the table W E + b (GH x V), which costs less than W X
/// if V < B*T. The product sums in the order of FeatureInput, so that z is bit-identical. With several tokens per step
/// (embedding bag) the table is W E, and z = b + sum of the tokens' columns.
template <class Cell>
class TableInput final : public InputProjection {
 public:
  /// bias: NH.
  TableInput(const Kernels& k, Index hidden, const float* bias, const TokenInput<float>& x, Buffer<float>& table)
      : k_(k), hidden_(hidden), bias_(bias), x_(x), table_(table) {}

  /// Computes the table. Call it before the threads start. W: GH x D.
  void fill_table(MatrixView<const float> W) const {
    table_.resize(rows() * x_.E.cols);
    const MatrixView<float> table{table_.data(), rows(), x_.E.cols, rows()};
    for (Index j = 0; j < table.cols; ++j)
      for (int g = 0; g < Cell::kGates; ++g) {
        const float* const b = bias_ + block_of_gate<Cell>(g) * hidden_;
        if (x_.ids_per_step == 1)
          std::copy_n(b, hidden_, &table(g * hidden_, j));
        else
          std::fill_n(&table(g * hidden_, j), hidden_, 0.0f);
      }
    gemm(Cpu{}, Op::none, Op::none, W, x_.E, table);
  }

  bool packs_x() const override { return false; }
  void pack_x(ThreadGroup::Range, Index, Index) const override {}
  void project(const StepBlock& at, float* z) const override {
    const Index H = hidden_, K = x_.ids_per_step;
    for (Index t = 0; t < at.steps; ++t)
      for (Index b = at.columns.first; b < at.columns.last; ++b) {
        const Index column = t * x_.batch + b;
        const auto ids = x_.tokens.subspan(static_cast<std::size_t>((at.first_step * x_.batch + column) * K),
                                           static_cast<std::size_t>(K));
        for (int g = 0; g < Cell::kGates; ++g) {
          const Index row = g * H + at.units.first, block = block_of_gate<Cell>(g) * H + at.units.first;
          float* const to = z + column * Cell::kBlocks * H + block;
          std::copy_n(K == 1 ? table_.data() + ids[0] * rows() + row : bias_ + block, at.units.size(), to);
          if (K > 1)
            for (std::int32_t id : ids)
              if (id != kNoToken) k_.elementwise.add(at.units.size(), table_.data() + id * rows() + row, to);
        }
      }
  }

 private:
  Index rows() const { return Cell::kGates * hidden_; }

  const Kernels& k_;
  Index hidden_;
  const float* bias_;  // NH
  const TokenInput<float>& x_;
  Buffer<float>& table_;  // GH x V
};

}  // namespace rondo::inline RONDO_ABI::detail
