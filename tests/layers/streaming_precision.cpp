// SPDX-License-Identifier: MIT
// Streams with weights of bf16 and int8: each step against plain loops over numbers that are rounded here, at every
// level; exact sums of integers with the same bits at every level; blocks, voices, NaN; what is refused.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <rondo/cpu/kernel_levels.hpp>
#include <rondo/layers/gru.hpp>
#include <rondo/layers/streaming.hpp>

#include "cpu/levels.hpp"
#include "support/bounded.hpp"
#include "support/catch.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

using Doubles = std::vector<double>;

/// The nearest number with 8 bits of mantissa, ties to even.
double rounded_to_bf16(float w) {
  if (w == 0) return 0;
  int exponent = 0;
  std::frexp(static_cast<double>(w), &exponent);
  const double unit = std::ldexp(1.0, exponent - 8);
  return std::nearbyint(static_cast<double>(w) / unit) * unit;
}

/// v as integers: the largest is as large as sums of K products with 127 allow.
struct Integers {
  std::vector<std::int64_t> q;
  float scale;
  explicit Integers(std::span<const float> v) {
    float peak = 0;
    for (float value : v) peak = std::max(peak, std::abs(value));
    const auto K = static_cast<std::int64_t>(v.size());
    const auto limit = static_cast<float>(std::min<std::int64_t>(32512, 2147483647 / (127 * K)));
    scale = peak / limit;
    for (float value : v)
      q.push_back(peak < 1e-18f ? 0 : static_cast<std::int64_t>(std::nearbyint(value * (limit / peak))));
  }
};

/// Row r of M as integers times v; the float factor is that of both. Of 5 or 41 scales the one is used that changes the
/// row least.
std::int64_t integer_product(MatrixView<const float> m, Index r, const Integers& v, float& factor) {
  float largest = 0;
  for (Index k = 0; k < m.cols; ++k) largest = std::max(largest, std::abs(m(r, k)));
  const auto integer = [](float w, float scale) {
    return scale == 0 ? 0 : std::max(-127.0f, std::min(127.0f, std::nearbyint(w / scale)));
  };
  const int scales = m.cols > 64 ? 5 : 41;
  double least = std::numeric_limits<double>::max();
  std::int64_t result = 0;
  for (int n = 0; n < scales; ++n) {
    const float scale = largest / (107 + 40.0f * static_cast<float>(n) / static_cast<float>(scales - 1));
    double error = 0;
    std::int64_t sum = 0;
    for (Index k = 0; k < m.cols; ++k) {
      const float q = integer(m(r, k), scale);
      const double change = static_cast<double>(m(r, k) - scale * q);
      error += change * change;
      sum += static_cast<std::int64_t>(q) * v.q[static_cast<std::size_t>(k)];
    }
    if (error < least) least = error, result = sum, factor = scale * v.scale;
  }
  REQUIRE(std::abs(result) <= std::numeric_limits<std::int32_t>::max());
  return result;
}

Doubles product(MatrixView<const float> m, std::span<const float> v, WeightPrecision precision) {
  Doubles z(static_cast<std::size_t>(m.rows));
  const Integers integers(v);
  for (Index r = 0; r < m.rows; ++r) {
    double& sum = z[static_cast<std::size_t>(r)];
    if (precision == WeightPrecision::int8) {
      float factor = 0;
      const std::int64_t exact = integer_product(m, r, integers, factor);
      sum = static_cast<double>(exact) * static_cast<double>(factor);
      continue;
    }
    for (Index k = 0; k < m.cols; ++k)
      sum += (precision == WeightPrecision::bf16 ? rounded_to_bf16(m(r, k)) : static_cast<double>(m(r, k))) *
             static_cast<double>(v[static_cast<std::size_t>(k)]);
  }
  return z;
}

/// h after one step, and c, in and out.
template <class Cell>
Doubles naive_step(const RecurrentWeights<const float>& w, WeightPrecision precision, std::span<const float> x,
                   std::span<const float> h, Doubles& c) {
  const Index H = w.shape.hidden;
  const Doubles from_x = product(w.W, x, x.size() > 4 ? precision : WeightPrecision::fp32);
  const Doubles from_h = product(w.R, h, precision);
  Doubles after;
  for (Index u = 0; u < H; ++u) {
    const auto at = [&](Index gate) { return static_cast<std::size_t>(gate * H + u); };
    const auto in = [&](Index gate) { return from_x[at(gate)] + static_cast<double>(w.b(gate * H + u, 0)); };
    if constexpr (Cell::kHasC) {
      double& cell = c[static_cast<std::size_t>(u)];
      const auto z = [&](Index gate) { return in(gate) + from_h[at(gate)]; };
      cell = logistic(z(1)) * cell + logistic(z(0)) * std::tanh(z(2));
      after.push_back(logistic(z(3)) * std::tanh(cell));
    } else {
      const auto rest = [&](Index gate) { return from_h[at(gate)] + static_cast<double>(w.b_R(gate * H + u, 0)); };
      const double reset = logistic(in(0) + rest(0)), update = logistic(in(1) + rest(1));
      const double n = std::tanh(in(2) + reset * rest(2));
      after.push_back((1 - update) * n + update * static_cast<double>(h[static_cast<std::size_t>(u)]));
    }
  }
  return after;
}

/// Runs a stream of one layer; each step of each voice is computed from the h that the stream itself returned.
template <class Cell>
void check_steps(Index C, Index H, Index B, WeightPrecision precision, Rng& rng) {
  INFO(Cell::kName << " C " << C << ", H " << H << ", B " << B << ", "
                   << (precision == WeightPrecision::int8 ? "int8" : "bf16") << ", " << name(cpu_level()));
  const Recurrent<Cell, float> network({.input = C, .hidden = H}, rng);
  StreamingRecurrent<Cell, float> stream(network, {.precision = precision, .voices = B});
  auto start = random_state(network, B, rng);
  for (Index b = 0; b < B; ++b)
    for (Index u = 0; u < H; ++u) start.h.at(0)(u, b) *= 3;  // beyond 1, too
  stream.set_state(start);
  std::vector<float> h, x(static_cast<std::size_t>(C * B));
  std::vector<Doubles> c(static_cast<std::size_t>(B));
  for (Index b = 0; b < B; ++b) {
    h.insert(h.end(), &start.h.at(0)(0, b), &start.h.at(0)(0, b) + H);
    if constexpr (Cell::kHasC) c[static_cast<std::size_t>(b)] = {&start.c.at(0)(0, b), &start.c.at(0)(0, b) + H};
  }
  double worst = 0, largest = 0;
  for (int t = 0; t < 12; ++t) {
    for (float& value : x) value = t == 5 ? 0.0f : static_cast<float>(rng.normal());
    const auto y = stream.step(x);
    for (std::size_t b = 0; b < static_cast<std::size_t>(B); ++b) {
      const auto from = [b](std::span<const float> all, Index count) {
        return all.subspan(b * static_cast<std::size_t>(count), static_cast<std::size_t>(count));
      };
      const Doubles wanted = naive_step<Cell>(network.layer(0).weights(), precision, from(x, C), from(h, H), c[b]);
      for (std::size_t u = 0; u < wanted.size(); ++u) {
        worst = std::max(worst, std::abs(wanted[u] - static_cast<double>(from(y, H)[u])));
        largest = std::max(largest, std::abs(wanted[u]));
      }
    }
    h.assign(y.begin(), y.end());
  }
  REQUIRE(largest > 1e-2);
  // Rounding of C + H float terms of a few units, the functions (4e-7), and c, which adds up its errors.
  REQUIRE(worst <= static_cast<double>(C + H + 40) * 0x1p-23);
}

template <class F>
std::string message_of(F&& construct) {
  try {
    construct();
  } catch (const shape_error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("weights of bf16 and int8: each step is that of plain loops over rounded numbers") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    Rng rng(21);
    for (WeightPrecision precision : {WeightPrecision::bf16, WeightPrecision::int8})
      for (const auto& [C, H, B] : std::vector<std::array<Index, 3>>{
               {1, 1, 1}, {4, 3, 1}, {5, 16, 1}, {1, 17, 3}, {9, 31, 2}, {2, 64, 1}, {40, 70, 5}, {130, 257, 1}}) {
        check_steps<LstmCell>(C, H, B, precision, rng);
        check_steps<GruCell>(C, H, B, precision, rng);
      }
  }
}

TEST_CASE("products of int8 are exact, with the same bits at every level") {
  const LevelGuard guard;
  Rng rng(22);
  for (const auto& [H, K, extreme] : std::vector<std::tuple<Index, Index, bool>>{
           {1, 1, false}, {7, 30, false}, {20, 33, false}, {40, 500, false}, {5, 1024, true}, {33, 3000, true}}) {
    std::vector<float> values(static_cast<std::size_t>(4 * H * K));
    const MatrixView<float> m{values.data(), 4 * H, K, 4 * H};
    std::vector<float> v(static_cast<std::size_t>(detail::StreamMatrix::padded(K)));
    for (Index k = 0; k < K; ++k) {
      const float sign = rng.below(2) == 0 ? -1.0f : 1.0f;  // extreme: the largest sums that there are
      for (Index r = 0; r < 4 * H; ++r)
        m(r, k) = extreme ? (r % 2 == 0 ? sign : -sign) : static_cast<float>(rng.normal());
      v[static_cast<std::size_t>(k)] = extreme ? sign : static_cast<float>(rng.normal());
    }
    const Integers integers(std::span<const float>(v).first(static_cast<std::size_t>(K)));
    std::vector<float> wanted;
    for (Index r = 0; r < 4 * H; ++r) {
      float factor = 0;
      wanted.push_back(static_cast<float>(integer_product(m, r, integers, factor)));
      wanted.back() *= factor;
    }
    REQUIRE(std::ranges::any_of(wanted, [](float z) { return std::abs(z) > 0.1f; }));
    for (CpuLevel level : levels())
      for (bool reverse : {false, true}) {
        set_cpu_level(level);
        INFO(name(level) << ", H " << H << ", K " << K);
        const detail::StreamForm form = detail::stream_reduced_form<LstmCell>(H, false, true);
        detail::StreamMatrix packed;
        packed.pack(form, true, 4, m, 0, [](Index) { return 1.0f; });
        packed.reserve(1);
        const Index lanes = form.layout.lanes, count = form.layout.vectors() * lanes;
        std::vector<float> z(static_cast<std::size_t>(count)), got;
        packed.multiply(1, v.data(), 0, z.data(), count, reverse);
        for (Index gate = 0; gate < 4; ++gate)
          for (Index u = 0; u < H; ++u)
            got.push_back(z[static_cast<std::size_t>((u / lanes * 4 + gate) * lanes + u % lanes)]);
        REQUIRE(got == wanted);
      }
  }
}

TEST_CASE("weights of bf16 and int8: a block has the bits of single steps") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    Rng rng(23);
    const auto check = [&]<class Cell>(Cell, WeightPrecision precision) {
      const auto draw = [&](Index first, Index last) {
        return first + Index(rng.below(std::uint32_t(last - first + 1)));
      };
      const Index C = draw(1, 20), H = draw(4, 90), L = draw(1, 3), K = draw(0, 2), B = draw(1, 4);
      INFO(Cell::kName << " C " << C << ", H " << H << ", L " << L << ", K " << K << ", B " << B << ", "
                       << name(level));
      const Recurrent<Cell, float> network({.input = C, .hidden = H, .layers = L}, rng);
      const Linear<float> head(H, std::max<Index>(K, 1), rng);
      using Stream = StreamingRecurrent<Cell, float>;
      const auto stream_of = [&](WeightPrecision weights) {
        const StreamingOptions options{
            .math = draw(0, 1) == 0 ? Math::exact : Math::fast, .precision = weights, .voices = B};
        return K > 0 ? Stream(network, head, options) : Stream(network, options);
      };
      Stream blocks = stream_of(precision), single = blocks, fp32 = stream_of(WeightPrecision::fp32);
      const auto inputs = std::size_t(B * C), outputs = std::size_t(B * blocks.output());
      std::vector<float> x(50 * inputs), y(50 * outputs), unrounded(y.size());
      for (float& value : x) value = static_cast<float>(rng.normal());
      for (std::size_t t = 0; t < 50;) {
        const auto count = std::min<std::size_t>(rng.below(20), 50 - t);
        blocks.process(std::span(x).subspan(t * inputs, count * inputs),
                       std::span(y).subspan(t * outputs, count * outputs));
        t += count;
      }
      for (std::size_t t = 0; t < 50; ++t) {
        const auto now = single.step(std::span(x).subspan(t * inputs, inputs));
        REQUIRE(std::equal(now.begin(), now.end(), y.begin() + std::ptrdiff_t(t * outputs)));
      }
      fp32.process(x, unrounded);
      float worst = 0;
      for (std::size_t n = 0; n < y.size(); ++n) worst = std::max(worst, std::abs(y[n] - unrounded[n]));
      CHECK(worst > 1e-5f);  // is in use
      CHECK(worst < 3e-2f);
    };
    for (int n = 0; n < 10; ++n)
      for (WeightPrecision precision : {WeightPrecision::bf16, WeightPrecision::int8}) {
        check(LstmCell{}, precision);
        check(GruCell{}, precision);
      }
  }
}

TEST_CASE("weights of bf16 and int8: NaN stays NaN, infinite inputs saturate, silence stays silent") {
  const LevelGuard guard;
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    for (Index C : {1, 7})
      for (WeightPrecision precision : {WeightPrecision::bf16, WeightPrecision::int8}) {
        INFO(name(level) << ", C " << C);
        Rng rng(24);
        const Lstm<float> lstm({.input = C, .hidden = 20, .bias = false}, rng);
        StreamingLstm<float> stream(lstm, {.precision = precision});
        const auto step = [&](float value) { return stream.step(std::vector(static_cast<std::size_t>(C), value)); };
        for (float h : step(0)) CHECK(h == 0);
        for (float h : step(infinity)) CHECK(std::abs(h) <= 1);
        for (float h : step(-infinity)) CHECK(std::abs(h) <= 1);
        for (float x : {nan, 0.0f, 0.0f})
          for (float h : step(x)) CHECK(std::isnan(h));
        stream.reset();
        for (float h : step(1e-30f)) CHECK(h == 0);
      }
  }
}

TEST_CASE("weights of bf16 and int8 are refused in one line where there is no kernel") {
  Rng rng(25);
  const StreamingOptions options{.precision = WeightPrecision::int8};
  const std::string refused =
      ": weights of bf16 and int8 are for float layers of LSTM and GRU without projection and layer norm";
  const Lstm<double> doubles({.input = 1, .hidden = 5}, rng);
  CHECK(message_of([&] { StreamingLstm<double>(doubles, options); }) == "StreamingLstm" + refused);
  const Lstm<float> projected({.input = 1, .hidden = 5, .projection = 2}, rng);
  CHECK(message_of([&] { StreamingLstm<float>(projected, options); }) == "StreamingLstm" + refused);
  const Lstm<float> normed({.input = 1, .hidden = 5, .layer_norm = true}, rng);
  CHECK(message_of([&] { StreamingLstm<float>(normed, options); }) == "StreamingLstm" + refused);
}
