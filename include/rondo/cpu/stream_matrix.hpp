// SPDX-License-Identifier: MIT
// A gate matrix of a stream in bf16 or int8, packed for the products of one level (cpu/kernels/stream_reduced.inl).
// Legend: H hidden units, G gates, K columns.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/kernel_arguments.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace rondo::inline RONDO_ABI::detail {

/// M, GH x K. int8: w = scale * q with scale = max |w| / 127 for each row. v is rounded to integers of at most
/// limit(K), relative to its largest value.
class StreamMatrix {
 public:
  /// Largest integer of v: 127 K of them fit into 32 bits, and both bytes of the integer into signed ones.
  static constexpr float limit(Index K) {
    return static_cast<float>(std::min<Index>(0x7f00, 0x7fffffff / (127 * std::max<Index>(K, 1))));
  }

  /// Register r of the rows holds gate r % G of units r / G * lanes and up, times factor(gate). third: see
  /// StreamProduct.
  template <class Factor>
  void pack(const StreamForm& form, bool int8, Index G, MatrixView<const float> m, Index third, Factor&& factor) {
    const Index H = m.rows / G, K = m.cols, lanes = form.layout.lanes, depth = (K + 3) / 4 * 4;
    const Index registers = (H + lanes - 1) / lanes * G, panels = (registers + 3) / 4;
    const Index group = int8 ? form.group : 2, bytes = int8 ? 1 : 2;
    multiply_ = form.multiply;
    product_.registers = registers, product_.depth = depth, product_.limit = limit(K), product_.third = third;
    product_.quantised_step = int8 ? kQuantisedHeader + padded(depth) : 0;
    weights_.resize(panels * 4 * lanes * depth * bytes);
    std::fill(weights_.begin(), weights_.end(), static_cast<std::uint8_t>(int8 ? form.offset : 0));
    if (int8) {
      scales_.resize(registers * lanes);
      std::fill(scales_.begin(), scales_.end(), 0.0f);
    }
    for (Index row = 0; row < m.rows; ++row) {
      const Index gate = row / H, unit = row % H, r = unit / lanes * G + gate, lane = unit % lanes;
      float largest = 0;
      for (Index k = 0; k < K; ++k) largest = std::max(largest, std::abs(m(row, k)));
      const float scale = largest / 127;
      if (int8) scales_.data()[r * lanes + lane] = factor(gate) * scale;
      for (Index k = 0; k < K; ++k) {
        std::uint8_t* const to = weights_.data() +
                                 ((r / 4 * (depth / group) + k / group) * 4 + r % 4) * lanes * group * bytes +
                                 (lane * group + k % group) * bytes;
        if (int8)
          *to = static_cast<std::uint8_t>(static_cast<int>(scale > 0 ? std::nearbyint(m(row, k) / scale) : 0.0f) +
                                          form.offset);
        else
          pack_bf16(to - k % 2 * 2, k % 2 == 1, factor(gate) * m(row, k));
      }
    }
  }

  /// Rows of v: K, padded to whole registers of any level.
  static constexpr Index padded(Index K) { return (K + 15) / 16 * 16; }
  /// Allocates buffers for products with `columns` vectors.
  void reserve(Index columns) { quantised_.resize(columns * product_.quantised_step); }

  /// z += M v for `columns` vectors, see StreamProduct.
  void multiply(Index columns, const float* v, Index v_step, float* z, Index z_step, bool reverse) {
    StreamProduct p = product_;
    p.reverse = reverse, p.weights = weights_.data(), p.scales = scales_.data(), p.quantised = quantised_.data();
    p.columns = columns, p.v = v, p.v_step = v_step, p.z = z, p.z_step = z_step;
    multiply_(p);
  }

 private:
  /// Writes one half of a pair, which is one number of 32 bits, whatever the order of bytes.
  static void pack_bf16(std::uint8_t* to, bool high, float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value), rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    const std::uint32_t half = value == value ? rounded : bits >> 16 | 0x40u;
    std::uint32_t both;
    std::memcpy(&both, to, sizeof(both));
    both |= high ? half << 16 : half;
    std::memcpy(to, &both, sizeof(both));
  }

  void (*multiply_)(const StreamProduct&) = nullptr;
  StreamProduct product_{};
  Buffer<std::uint8_t> weights_;
  Buffer<float> scales_;
  Buffer<std::int16_t> quantised_;
};

}  // namespace rondo::inline RONDO_ABI::detail
