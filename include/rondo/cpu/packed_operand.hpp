// SPDX-License-Identifier: MIT
// The right factors of products, as words (kernel_arguments.hpp). Floats are read where they lie; bfloat16 needs a
// rounded copy, which the members of a group make together: pack() what is one's own, meet, then operand().
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/thread_group.hpp>

#include <algorithm>
#include <cstdint>

namespace rondo::inline RONDO_ABI::detail {

template <class Packed>
const ProductKernels<Packed>& products(const Kernels& k) {
  if constexpr (std::is_same_v<Packed, float>)
    return k.fp32;
  else
    return k.bf16;
}

template <class Cell, class Packed>
const CellProductKernels<Packed>& cell_products() {
  if constexpr (std::is_same_v<Packed, float>)
    return cell_kernels<Cell>()->fp32;
  else
    return cell_kernels<Cell>()->bf16;
}

/// Words of `depth` neighbouring k.
template <class Packed>
Index packed_depth(Index depth) {
  return std::is_same_v<Packed, float> ? depth : (depth + 1) / 2;
}

template <class Packed>
class PackedOperand;

/// Floats: nothing is copied.
template <>
class PackedOperand<float> {
 public:
  static constexpr bool kCopies = false;

  void resize(Index, Index) {}
  void pack(const Kernels&, Index, ConstView<float>, ThreadGroup::Range, ThreadGroup::Range) {}
  void pack_paired(const Kernels&, ConstView<float>, ThreadGroup::Range) {}

  /// k runs down the columns of a.
  Operand<float> operand(Index, ConstView<float> a) const { return {a.data, 1, a.stride}; }
  /// k runs across the columns of a.
  Operand<float> operand_paired(ConstView<float> a) const { return {a.data, a.stride, 1}; }
};

/// bfloat16: a matrix of `rows` in a buffer of words.
template <>
class PackedOperand<std::uint32_t> {
 public:
  static constexpr bool kCopies = true;

  /// Room for `columns` columns of `rows` numbers; zeros where an odd row has no neighbour.
  void resize(Index rows, Index columns) {
    rows_ = rows;
    packed_.resize((rows + 1) / 2 * 2 * columns);  // enough for pairs down the columns, and for pairs across them
    if (rows % 2 != 0) std::fill(packed_.begin(), packed_.end(), 0u);
  }

  /// These rows and columns of a, whose column 0 goes to column `at`; words pair neighbouring rows.
  void pack(const Kernels& k, Index at, ConstView<float> a, ThreadGroup::Range rows, ThreadGroup::Range columns) {
    auto* const half = reinterpret_cast<std::uint16_t*>(packed_.data());
    for (Index j = columns.first; j < columns.last; ++j)
      k.to_bf16(a.data + rows.first + j * a.stride, rows.size(), half + rows.first + (at + j) * 2 * ((rows_ + 1) / 2));
  }
  Operand<std::uint32_t> operand(Index at, ConstView<float>) const {
    const Index column = (rows_ + 1) / 2;
    return {packed_.data() + at * column, 1, column};
  }

  /// These rows of all columns of a; words pair neighbouring columns.
  void pack_paired(const Kernels& k, ConstView<float> a, ThreadGroup::Range rows) {
    k.pair_columns(a.cols, a.data, a.stride, packed_.data(), rows_, rows.first, rows.last);
  }
  Operand<std::uint32_t> operand_paired(ConstView<float>) const { return {packed_.data(), rows_, 1}; }

 private:
  Index rows_ = 0;
  Buffer<std::uint32_t> packed_;
};

}  // namespace rondo::inline RONDO_ABI::detail
