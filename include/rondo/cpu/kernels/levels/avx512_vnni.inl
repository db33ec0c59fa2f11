// SPDX-License-Identifier: MIT
// Products of int8 by AVX512-VNNI: no include guard, no includes. As `Int8` of the other levels.

struct Int8 : Int8Bytes {
  [[gnu::noinline]] static void multiply(const unsigned char* weights, const std::int16_t* v, long depth,
                                         std::uint32_t sum_of_v, UintVector (&sums)[4]) {
    const auto* const low_bytes = reinterpret_cast<const std::uint8_t*>(v);
    __m512i low[4] = {}, high[4] = {};
    for (long k = 0; k < depth; k += 4) {
      std::int32_t bytes[2];
      std::memcpy(&bytes[0], low_bytes + k, 4);
      std::memcpy(&bytes[1], low_bytes + high_bytes(depth) + k, 4);
      const __m512i low_v = _mm512_set1_epi32(bytes[0]), high_v = _mm512_set1_epi32(bytes[1]);
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q, weights += 64) {
        const __m512i w = _mm512_loadu_si512(weights);
        low[q] = _mm512_dpbusd_epi32(low[q], w, low_v);
        high[q] = _mm512_dpbusd_epi32(high[q], w, high_v);
      }
    }
    for (int q = 0; q < 4; ++q)
      sums[q] = (reinterpret_cast<UintVector>(high[q]) << 8) + reinterpret_cast<UintVector>(low[q]) - 128u * sum_of_v;
  }
};
