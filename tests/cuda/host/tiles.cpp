// SPDX-License-Identifier: MIT
// The short number formats, and the tile products of a warp in the fragments of PTX's mma.sync.
#include "fixture.hpp"

#include <rondo_ptx.cuh>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

using namespace host_cuda_test;
namespace device = rondo::cuda::device;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// ---- formats --------------------------------------------------------------------------------------------------------

/// The value by the definition of the format: sign, exponent, fraction.
double value_of(std::uint16_t word, int fraction_bits, int exponent_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1, all_ones = (1 << exponent_bits) - 1;
  const int fraction = word & ((1 << fraction_bits) - 1), exponent = word >> fraction_bits & all_ones;
  const double sign = word >> 15 ? -1 : 1;
  if (exponent == all_ones) return fraction ? std::nan("") : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

template <class Format>
void check_widen(int fraction_bits, int exponent_bits) {
  unsigned wrong = 0;
  for (unsigned word = 0; word < 0x10000; ++word) {
    const double expected = value_of(static_cast<std::uint16_t>(word), fraction_bits, exponent_bits);
    const float got = device::widen(Format{}, static_cast<std::uint16_t>(word));
    wrong += std::isnan(expected) ? !std::isnan(got) : got != expected || std::signbit(got) != (word >> 15 != 0);
  }
  CHECK(wrong == 0);
}

TEST_CASE("bf16 and fp16: every bit pattern has its defined value") {
  check_widen<device::Bf16>(7, 8);
  check_widen<device::Fp16>(10, 5);
}

// Bit patterns of one sign are ordered like their values, so the nearest to v is one of the two on either side. v
// exactly between two, and just next to that, tests ties to even.
template <class Format>
void check_rounding(std::uint16_t largest) {
  unsigned wrong = 0;
  const auto word = [](float v) { return unsigned{device::round_to(Format{}, v)}; };
  for (unsigned w = 0; w < largest; ++w) {
    const float low = device::widen(Format{}, static_cast<std::uint16_t>(w));
    const float high = device::widen(Format{}, static_cast<std::uint16_t>(w + 1));
    const auto middle = static_cast<float>((double{low} + double{high}) / 2);  // exact: one bit more
    wrong += word(low) != w || word(-low) != (w | 0x8000);
    wrong += word(std::nextafter(middle, 0.0f)) != w || word(std::nextafter(middle, kInfinity)) != w + 1;
    wrong += word(middle) != (w % 2 == 0 ? w : w + 1) || word(-middle) != ((w % 2 == 0 ? w : w + 1) | 0x8000);
  }
  CHECK(wrong == 0);
}

TEST_CASE("bf16 and fp16: rounding is to nearest, ties to even") {
  check_rounding<device::Bf16>(0x7f80 - 1);
  check_rounding<device::Fp16>(0x7c00 - 1);
  CHECK(device::round_to(device::Fp16{}, std::nextafter(65520.0f, 0.0f)) == 0x7bff);
  CHECK(device::round_to(device::Fp16{}, 65520.0f) == 0x7c00);
  CHECK(device::round_to(device::Bf16{}, std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(device::round_to(device::Bf16{}, -kInfinity) == 0xff80);
  CHECK(device::round_to(device::Fp16{}, -kInfinity) == 0xfc00);
  CHECK(std::isnan(device::widen(device::Fp16{}, device::round_to(device::Fp16{}, std::nanf("")))));
  CHECK(std::isnan(device::widen(device::Bf16{}, device::round_to(device::Bf16{}, std::nanf("")))));
}

TEST_CASE("tf32: ten bits after the point, ties away from zero") {
  const auto rounded = [](float v) { return device::round_to(device::Tf32{}, v); };
  const float ulp = 0x1p-10f;
  CHECK(rounded(1 + ulp) == 1 + ulp);
  CHECK(rounded(1 + ulp / 2) == 1 + ulp);
  CHECK(rounded(-(1 + ulp / 2)) == -(1 + ulp));
  CHECK(rounded(std::nextafter(1 + ulp / 2, 0.0f)) == 1);
  CHECK(rounded(2 - ulp / 2) == 2);
  CHECK(rounded(kInfinity) == kInfinity);
  CHECK(std::isnan(rounded(std::nanf(""))));
  std::mt19937 random(1);
  unsigned wrong = 0;
  for (int i = 0; i < 10000; ++i) {
    const auto v = std::ldexp(static_cast<float>(random()), static_cast<int>(random() % 200) - 130);
    int exponent;
    const double fraction = std::frexp(double{v}, &exponent);  // in [1/2, 1): ten bits after the first
    wrong += rounded(v) != std::ldexp(std::round(std::ldexp(fraction, 11)), exponent - 11);
  }
  CHECK(wrong == 0);
}

// ---- tiles ----------------------------------------------------------------------------------------------------------

// A (16 x K) and B (K x 8) as matrices; each lane loads its fragment as in the tables of the PTX ISA ("Matrix Fragments
// for mma.m16n8k16", "… mma.m16n8k8").
template <class Format, int K>
__global__ void multiply_matrices(const std::uint32_t* a, const std::uint32_t* b, float* d) {
  constexpr int values = K / 8;  // per word: 2, or 1 for tf32
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
  const auto word = [&](const std::uint32_t* m, int row, int k) {  // rows of K elements
    return values == 2 ? m[row * K + k] | m[row * K + k + 1] << 16 : m[row * K + k];
  };
  const int k0 = values * t, k1 = k0 + K / 2;
  const std::uint32_t mine_a[4] = {word(a, g, k0), word(a, g + 8, k0), word(a, g, k1), word(a, g + 8, k1)};
  const std::uint32_t mine_b[2] = {word(b, g, k0), word(b, g, k1)};
  float tile[4];
  for (int i = 0; i < 4; ++i) tile[i] = d[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
  device::multiply_tile(Format{}, tile, mine_a, mine_b);
  for (int i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = tile[i];
}

std::uint32_t encode(device::Tf32, float v) {
  return std::bit_cast<std::uint32_t>(device::round_to(device::Tf32{}, v));
}
template <class Format>
std::uint32_t encode(Format, float v) {
  return device::round_to(Format{}, v);
}
double decode(device::Tf32, std::uint32_t v) { return std::bit_cast<float>(v); }
template <class Format>
double decode(Format, std::uint32_t v) {
  return device::widen(Format{}, static_cast<std::uint16_t>(v));
}

template <class Format, int K>
void check_tile() {
  const Fresh fresh;
  std::mt19937 random(K);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<std::uint32_t> a(16 * K), b(8 * K);  // b: columns of K elements
  std::vector<float> d(16 * 8);
  for (auto& v : a) v = encode(Format{}, uniform(random));
  for (auto& v : b) v = encode(Format{}, uniform(random));
  for (auto& v : d) v = uniform(random);
  for (const Order order : kOrders) {
    host_cuda::set_order(order);
    const DeviceVector<std::uint32_t> device_a(a), device_b(b);
    const DeviceVector<float> device_d(d);
    REQUIRE_CUDA(launch({1, 32}, multiply_matrices<Format, K>, device_a.data(), device_b.data(), device_d.data()));
    const auto got = device_d.host();
    for (std::size_t i = 0; i < 16; ++i)
      for (std::size_t j = 0; j < 8; ++j) {
        double sum = d[i * 8 + j], magnitude = std::abs(sum);
        for (std::size_t k = 0; k < K; ++k) {
          const double product = decode(Format{}, a[i * K + k]) * decode(Format{}, b[j * K + k]);
          sum += product, magnitude += std::abs(product);
        }
        CHECK(std::abs(got[i * 8 + j] - sum) <= K * 0x1p-24 * magnitude);  // K additions in float
      }
  }
}

TEST_CASE("a warp multiplies tiles of bf16, fp16 and tf32") {
  check_tile<device::Bf16, 16>();
  check_tile<device::Fp16, 16>();
  check_tile<device::Tf32, 8>();
}

__global__ void multiply_raw(float v, float* d) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(v);
  const std::uint32_t a[4] = {bits, bits, bits, bits};
  const std::uint32_t one = std::bit_cast<std::uint32_t>(1.0f), b[2] = {one, one};
  float tile[4] = {};
  device::multiply_tile(device::Tf32{}, tile, a, b);
  if (threadIdx.x == 0) *d = tile[0];
}

TEST_CASE("a tf32 product truncates floats that are not rounded") {
  const Fresh fresh;
  const DeviceVector<float> d(1);
  REQUIRE_CUDA(launch({1, 32}, multiply_raw, 1 + 0x1.8p-11f, d.data()));
  CHECK(d.host()[0] == 8);
}

__global__ void multiply_in_part() {
  float tile[4] = {};
  device::multiply_tile(device::Bf16{}, tile, {0, 0, 0, 0}, {0, 0});
}

TEST_CASE("a tile product requires a full warp") {
  const Fresh fresh;
  expect(failure_of(launch({1, 31}, multiply_in_part)), "a full warp");
}

}  // namespace
