// SPDX-License-Identifier: MIT
// Products of the rows of one unit with a vector, for StaticLstm. fp32: all gates of a unit share the load of an input.
// int8: the vector is rounded to 16 bits, and a processor with Arm's DSP instructions multiplies two pairs at once.
#pragma once

#include <rondo/embedded/functions.hpp>
#include <rondo/embedded/weights.hpp>

#include <stddef.h>
#include <stdint.h>

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#endif

namespace rondo::inline v0::embedded::detail {

/// A vector of 16-bit integers: 32767 x = scale * q. Of each four elements the middle two are exchanged, as the
/// instruction SXTB16 takes the bytes of a word: 0 and 2, 1 and 3.
template <size_t N>
struct Quantised {
  alignas(4) int16_t q[padded(N)];  // zeros after N elements
  float scale;

  /// Element n of q is element index(n) of x.
  static constexpr size_t index(size_t n) { return n % 4 == 1 ? n + 1 : n % 4 == 2 ? n - 1 : n; }
};

/// x rounded to 16 bits; NaN becomes the largest number. With the offset, the conversion rounds a positive number.
constexpr int16_t to_int16(float x) {
  return static_cast<int16_t>(static_cast<int32_t>(clamp(x, 32767) + 32768.5f) - 32768);
}

/// q = x * factor, of N numbers.
template <size_t N>
constexpr void quantise(const float* x, float factor, int16_t (&q)[padded(N)]) {
  for (size_t first = 0; first < padded(N); first += 4)
#pragma GCC unroll 4
    for (size_t n = 0; n < 4; ++n) {
      const size_t from = first + Quantised<N>::index(n);
      q[first + n] = from < N ? to_int16(x[from] * factor) : int16_t{0};
    }
}

/// A factor for inputs of any size: the largest one becomes 32767.
template <size_t N>
constexpr float input_factor(const float* x) {
  float largest = 1e-30f;
  for (size_t n = 0; n < N; ++n) {
    const float size = x[n] < 0 ? -x[n] : x[n];
    largest = size > largest ? size : largest;
  }
  return 32767 / (largest < 1e30f ? largest : 1e30f);
}

#if defined(__ARM_FEATURE_SIMD32)
/// Bytes 1 and 3 with their signs, as two 16-bit numbers. The rotation is a part of the instruction.
inline int16x2_t odd_bytes(int8x4_t bytes) {
  int16x2_t halves;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(bytes));
  return halves;
}
#endif

/// sum[g] = q[g] . x for the G rows of a unit.
template <size_t G, size_t N>
constexpr void dot(const int8_t (&q)[padded(N) / 4][G][4], const Quantised<N>& x, int32_t (&sum)[G]) {
#pragma GCC unroll 4
  for (size_t g = 0; g < G; ++g) sum[g] = 0;
#if defined(__ARM_FEATURE_SIMD32)
  if (!__builtin_is_constant_evaluated()) {
    for (size_t group = 0; group < padded(N) / 4; ++group) {
      int32_t even, odd;
      __builtin_memcpy(&even, __builtin_assume_aligned(x.q + 4 * group, 4), 4);
      __builtin_memcpy(&odd, __builtin_assume_aligned(x.q + 4 * group + 2, 4), 4);
#pragma GCC unroll 4
      for (size_t g = 0; g < G; ++g) {
        int32_t bytes;
        __builtin_memcpy(&bytes, __builtin_assume_aligned(q[group][g], 4), 4);
        sum[g] = __smlad(__sxtb16(bytes), even, sum[g]);
        sum[g] = __smlad(odd_bytes(bytes), odd, sum[g]);
      }
    }
    return;
  }
#endif
  for (size_t n = 0; n < padded(N); ++n)
#pragma GCC unroll 4
    for (size_t g = 0; g < G; ++g) sum[g] += q[n / 4][g][Quantised<N>::index(n) % 4] * x.q[n];
}

/// z[block of gate g] += row g of unit u . x.
template <class Blocks, size_t G, size_t H, size_t N>
constexpr void add_product(const Fp32Matrix<G, H, N>& matrix, size_t u, const float* x, float (&z)[Blocks::kCount]) {
#pragma GCC unroll 4
  for (size_t n = 0; n < N; ++n)
#pragma GCC unroll 4
    for (size_t g = 0; g < G; ++g) z[Blocks::of(g)] += matrix.w[u][n][g] * x[n];
}
template <class Blocks, size_t G, size_t H, size_t N>
constexpr void add_product(const Int8Matrix<G, H, N>& matrix, size_t u, const Quantised<N>& x,
                           float (&z)[Blocks::kCount]) {
  int32_t sum[G];
  dot<G, N>(matrix.q[u], x, sum);
#pragma GCC unroll 4
  for (size_t g = 0; g < G; ++g) z[Blocks::of(g)] += static_cast<float>(sum[g]) * (matrix.scale[u][g] * x.scale);
}

/// The blocks to which a product is added: gate by gate for R, or by the cell's list for W.
template <class Cell>
struct RecurrentBlocks {
  static constexpr size_t kCount = Cell::kBlocks;
  static constexpr size_t of(size_t gate) { return gate; }
};
template <class Cell>
struct InputBlocks {
  static constexpr size_t kCount = Cell::kBlocks;
  static constexpr size_t of(size_t gate) { return Cell::kInputBlocks[gate]; }
};

}  // namespace rondo::inline v0::embedded::detail
