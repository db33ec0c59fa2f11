// SPDX-License-Identifier: MIT
// Right operands of products as packed elements (kernel_arguments.hpp). Floats are used in place, without a copy. For
// bfloat16 the threads of a group make a rounded copy: each thread calls pack() for its part, then barrier(), then
// operand().
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/thread_group.hpp>

#include <algorithm>
#include <cstddef>

namespace rondo::inline RONDO_ABI::detail {

/// The kernels of one level for one cell in one precision.
struct PackedKernels {
  const Kernels& level;
  const ProductKernels& products;
  const CellProductKernels& cell;

  /// `x` rounded up to whole panels of rows.
  Index whole_panels(Index x) const { return (x + level.panel_rows - 1) / level.panel_rows * level.panel_rows; }
};

template <class Cell>
PackedKernels packed_kernels(const Kernels& level, Precision precision) {
  const CellKernels& cell = *cell_kernels<Cell>();
  return precision == Precision::bf16 ? PackedKernels{level, level.bf16, cell.bf16}
                                      : PackedKernels{level, level.fp32, cell.fp32};
}

/// The right operand of products in one precision.
class PackedOperand {
 public:
  /// Allocates a copy of rows x columns values, unless floats are used in place. If `rows` does not fill the last
  /// packed element of each column, zeros do.
  void resize(const ProductKernels& products, Index rows, Index columns) {
    products_ = &products;
    rows_ = rows;
    if (!copies()) return;
    const Index n = products.values_per_element, padded = (rows + n - 1) / n * n;
    packed_.resize(padded * columns);  // enough for packed elements of rows and of columns
    if (rows != padded) std::fill(packed_.begin(), packed_.end(), 0.0f);
  }

  /// Whether this is a copy. Otherwise operands are views of the matrix itself, and packing does nothing.
  bool copies() const { return products_->copy != nullptr; }

  /// Copies these rows and columns of a. Column 0 of a is written to column `at` of the copy.
  void pack(Index at, ConstView<float> a, ThreadGroup::Range rows, ThreadGroup::Range columns) {
    if (!copies()) return;
    const Index column_bytes = column_elements() * Index{sizeof(Packed)},
                value_bytes = Index{sizeof(Packed)} / products_->values_per_element;
    auto* const bytes = reinterpret_cast<std::byte*>(packed_.data());
    for (Index j = columns.first; j < columns.last; ++j)
      products_->copy(a.data + rows.first + j * a.stride, rows.size(),
                      bytes + (at + j) * column_bytes + rows.first * value_bytes);
  }
  /// Right operand a, from column `at` of the copy on: k is the row index.
  Operand operand(Index at, ConstView<float> a) const {
    if (!copies()) return {a.data, 1, a.stride};
    return {packed_.data() + at * column_elements(), 1, column_elements()};
  }

  /// Copies these rows of all columns of a as a transposed operand.
  void pack_transposed(ConstView<float> a, ThreadGroup::Range rows) {
    if (copies()) products_->copy_transposed(a.cols, a.data, a.stride, packed_.data(), rows_, rows.first, rows.last);
  }
  /// Right operand a^T: k is the column index.
  Operand operand_transposed(ConstView<float> a) const {
    if (!copies()) return {a.data, a.stride, 1};
    return {packed_.data(), rows_, 1};
  }

 private:
  Index column_elements() const { return products_->packed_depth(rows_); }

  const ProductKernels* products_ = nullptr;
  Index rows_ = 0;
  Buffer<Packed> packed_;
};

}  // namespace rondo::inline RONDO_ABI::detail
