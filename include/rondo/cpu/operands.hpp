// SPDX-License-Identifier: MIT
// The right factors of products, as words (kernel_arguments.hpp). Floats are read where they lie; bfloat16 needs a
// rounded copy, which the members of a team make together: put() what is one's own, meet, then get().
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/threads.hpp>

#include <algorithm>
#include <cstdint>

namespace rondo::inline v0::detail {

template <class Word>
const ProductKernels<Word>& products(const Kernels& k) {
  if constexpr (std::is_same_v<Word, float>)
    return k.fp32;
  else
    return k.bf16;
}

template <class Cell, class Word>
const CellProductKernels<Word>& cell_products() {
  if constexpr (std::is_same_v<Word, float>)
    return cell_kernels<Cell>()->fp32;
  else
    return cell_kernels<Cell>()->bf16;
}

/// Words of `depth` neighbouring k.
template <class Word>
Index words(Index depth) {
  return std::is_same_v<Word, float> ? depth : (depth + 1) / 2;
}

template <class Word>
class Operands;

/// Floats: nothing is copied.
template <>
class Operands<float> {
 public:
  static constexpr bool kCopies = false;

  void resize(Index, Index) {}
  void put(const Kernels&, Index, ConstView<float>, Team::Range, Team::Range) {}
  void put_paired(const Kernels&, ConstView<float>, Team::Range) {}

  /// k runs down the columns of a.
  Operand<float> get(Index, ConstView<float> a) const { return {a.data, 1, a.stride}; }
  /// k runs across the columns of a.
  Operand<float> get_paired(ConstView<float> a) const { return {a.data, a.stride, 1}; }
};

/// bfloat16: a matrix of `rows` in a buffer of words.
template <>
class Operands<std::uint32_t> {
 public:
  static constexpr bool kCopies = true;

  /// Room for `columns` columns of `rows` numbers; zeros where an odd row has no neighbour.
  void resize(Index rows, Index columns) {
    rows_ = rows;
    words_.resize((rows + 1) / 2 * 2 * columns);  // enough for pairs down the columns, and for pairs across them
    if (rows % 2 != 0) std::fill(words_.begin(), words_.end(), 0u);
  }

  /// These rows and columns of a, whose column 0 goes to column `at`; words pair neighbouring rows.
  void put(const Kernels& k, Index at, ConstView<float> a, Team::Range rows, Team::Range columns) {
    auto* const half = reinterpret_cast<std::uint16_t*>(words_.data());
    for (Index j = columns.first; j < columns.last; ++j)
      k.to_bf16(a.data + rows.first + j * a.stride, rows.size(), half + rows.first + (at + j) * 2 * ((rows_ + 1) / 2));
  }
  Operand<std::uint32_t> get(Index at, ConstView<float>) const {
    const Index column = (rows_ + 1) / 2;
    return {words_.data() + at * column, 1, column};
  }

  /// These rows of all columns of a; words pair neighbouring columns.
  void put_paired(const Kernels& k, ConstView<float> a, Team::Range rows) {
    k.pair_columns(a.cols, a.data, a.stride, words_.data(), rows_, rows.first, rows.last);
  }
  Operand<std::uint32_t> get_paired(ConstView<float>) const { return {words_.data(), rows_, 1}; }

 private:
  Index rows_ = 0;
  Buffer<std::uint32_t> words_;
};

}  // namespace rondo::inline v0::detail
