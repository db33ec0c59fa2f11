// SPDX-License-Identifier: MIT
// A gate matrix of a stream in bf16 or int8, packed for the products of one level (cpu/kernels/stream_reduced.inl).
// Legend: H hidden units, G gates, K columns.
#pragma once

#include <rondo/core/bfloat16.hpp>
#include <rondo/core/buffer.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/kernel_arguments.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace rondo::inline RONDO_ABI::detail {

/// M, GH x K. int8: w = scale * q, |q| <= 127, with the best of several scales for each row. v is rounded to integers
/// of at most limit(K), relative to its largest value.
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
      const float scale = int8 ? row_scale(m, row) : 0;
      if (int8) scales_.data()[r * lanes + lane] = factor(gate) * scale;
      for (Index k = 0; k < K; ++k) {
        std::uint8_t* const to = weights_.data() +
                                 ((r / 4 * (depth / group) + k / group) * 4 + r % 4) * lanes * group * bytes +
                                 (lane * group + k % group) * bytes;
        if (int8)
          *to = static_cast<std::uint8_t>(integer(m(row, k), scale) + form.offset);
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
  static int integer(float w, float scale) {
    return scale > 0 ? static_cast<int>(std::clamp(std::nearbyint(w / scale), -127.0f, 127.0f)) : 0;
  }
  /// The scale with the least sum of squared errors. Scales below max |w| / 127 make the largest weights smaller.
  static float row_scale(MatrixView<const float> m, Index row) {
    float largest = 0, best = 0;
    for (Index k = 0; k < m.cols; ++k) largest = std::max(largest, std::abs(m(row, k)));
    const int candidates = m.cols > 64 ? 4 : 40;  // of many weights the error hardly depends on the scale
    double least = INFINITY;
    for (int n = 0; n <= candidates; ++n) {
      const float scale = largest / (107 + 40.0f * static_cast<float>(n) / static_cast<float>(candidates));
      double error = 0;
      for (Index k = 0; k < m.cols; ++k) {
        const double difference =
            static_cast<double>(m(row, k) - scale * static_cast<float>(integer(m(row, k), scale)));
        error += difference * difference;
      }
      if (error < least) least = error, best = scale;
    }
    return best;
  }

  /// Writes one half of a pair, which is one number of 32 bits, whatever the order of bytes.
  static void pack_bf16(std::uint8_t* to, bool high, float value) {
    const std::uint32_t half = to_bfloat16(value);
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
