// SPDX-License-Identifier: MIT
// Right operands of products as packed elements (kernel_arguments.hpp). Floats are used in place, without a copy. For
// bfloat16 the threads of a group make a rounded copy: each thread calls pack() for its part, then barrier(), then
// operand().
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/thread_group.hpp>

#include <algorithm>
#include <cstdint>

namespace rondo::inline RONDO_ABI::detail {

/// The matrix products for one type of packed element.
template <class Packed>
const ProductKernels<Packed>& products(const Kernels& k) {
  if constexpr (std::is_same_v<Packed, float>)
    return k.fp32;
  else
    return k.bf16;
}

/// The recurrent kernels for one cell and one type of packed element.
template <class Cell, class Packed>
const CellProductKernels<Packed>& cell_products() {
  if constexpr (std::is_same_v<Packed, float>)
    return cell_kernels<Cell>()->fp32;
  else
    return cell_kernels<Cell>()->bf16;
}

/// Number of packed elements for an inner dimension of `depth`.
template <class Packed>
Index packed_depth(Index depth) {
  return std::is_same_v<Packed, float> ? depth : (depth + 1) / 2;
}

template <class Packed>
class PackedOperand;

/// Floats: views of the matrix itself; packing does nothing.
template <>
class PackedOperand<float> {
 public:
  static constexpr bool kCopies = false;

  void resize(Index, Index) {}
  void pack(const Kernels&, Index, ConstView<float>, ThreadGroup::Range, ThreadGroup::Range) {}
  void pack_paired(const Kernels&, ConstView<float>, ThreadGroup::Range) {}

  /// Right operand a: k is the row index.
  Operand<float> operand(Index, ConstView<float> a) const { return {a.data, 1, a.stride}; }
  /// Right operand a^T: k is the column index.
  Operand<float> operand_paired(ConstView<float> a) const { return {a.data, a.stride, 1}; }
};

/// bfloat16: a rounded copy, with pairs of neighbouring rows or neighbouring columns as packed elements.
template <>
class PackedOperand<std::uint32_t> {
 public:
  static constexpr bool kCopies = true;

  /// Allocates space for rows x columns values. If `rows` is odd, zeros pad the last pair of each column.
  void resize(Index rows, Index columns) {
    rows_ = rows;
    packed_.resize((rows + 1) / 2 * 2 * columns);  // enough for pairs of rows and for pairs of columns
    if (rows % 2 != 0) std::fill(packed_.begin(), packed_.end(), 0u);
  }

  /// Packs these rows and columns of a in pairs of rows. Column 0 of a is written to column `at` of the copy.
  void pack(const Kernels& k, Index at, ConstView<float> a, ThreadGroup::Range rows, ThreadGroup::Range columns) {
    auto* const half = reinterpret_cast<std::uint16_t*>(packed_.data());
    for (Index j = columns.first; j < columns.last; ++j)
      k.to_bf16(a.data + rows.first + j * a.stride, rows.size(), half + rows.first + (at + j) * 2 * ((rows_ + 1) / 2));
  }
  /// The copy as a right operand, from column `at` on: k is the row index.
  Operand<std::uint32_t> operand(Index at, ConstView<float>) const {
    const Index column = (rows_ + 1) / 2;
    return {packed_.data() + at * column, 1, column};
  }

  /// Packs these rows of all columns of a in pairs of columns.
  void pack_paired(const Kernels& k, ConstView<float> a, ThreadGroup::Range rows) {
    k.pair_columns(a.cols, a.data, a.stride, packed_.data(), rows_, rows.first, rows.last);
  }
  /// The copy as a transposed right operand: k is the column index.
  Operand<std::uint32_t> operand_paired(ConstView<float>) const { return {packed_.data(), rows_, 1}; }

 private:
  Index rows_ = 0;
  Buffer<std::uint32_t> packed_;
};

}  // namespace rondo::inline RONDO_ABI::detail
