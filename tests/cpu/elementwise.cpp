// SPDX-License-Identifier: MIT
// Softmax, Adam, the norm and dropout of every level against element-wise references in double, for every small size,
// with guard values around their outputs; and bit-identical results for any number of threads.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <rondo/core/random.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/losses.hpp>
#include <rondo/cpu/optim.hpp>
#include <rondo/cpu/threads.hpp>
#include <rondo/layers/dropout.hpp>
#include <rondo/layers/losses.hpp>

#include "cpu/levels.hpp"
#include "support/catch.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

constexpr double kRoundoff = 0x1p-24;

std::vector<Index> sizes() {
  std::vector<Index> all;
  for (Index n = 1; n <= 70; ++n) all.push_back(n);
  for (Index n : {388, 1000}) all.push_back(n);
  return all;
}

/// `size` normal numbers between two NaN guard values, which must not be written.
struct Guarded {
  Guarded(Index size, double deviation, Rng& rng) : values(static_cast<std::size_t>(size + 2), kNan) {
    initialise_normal(view(), deviation, rng);
  }
  MatrixView<float> view() {
    const Index size = static_cast<Index>(values.size()) - 2;
    return {data(), size, 1, size};
  }
  float* data() { return values.data() + 1; }
  bool untouched() const { return std::isnan(values.front()) && std::isnan(values.back()); }
  std::vector<float> values;
};

}  // namespace

TEST_CASE("softmax cross-entropy of every small column, at every level") {
  const LevelGuard guard;
  Rng rng(1);
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    for (Index V : sizes())
      for (double spread : {0.1, 3.0, 30.0}) {
        INFO("level " << name(level) << ", V " << V << ", spread " << spread);
        Guarded z(V, spread, rng), d(V, 1, rng);
        const auto target = static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(V)));
        const float scale = 0.25f;
        const double loss = softmax_cross_entropy_column(Cpu{}, z.data(), V, target, scale, d.data());
        const double alone = softmax_cross_entropy_column<float>(Cpu{}, z.data(), V, target, scale, nullptr);
        CHECK(z.untouched());
        CHECK(d.untouched());
        double highest = z.data()[0], total = 0;
        for (Index v = 1; v < V; ++v) highest = std::max<double>(highest, z.data()[v]);
        for (Index v = 0; v < V; ++v) total += std::exp(z.data()[v] - highest);
        // The exponential: 4 roundings, plus 2 |x|; the sum: at most one per term.
        const double of_total = kRoundoff * static_cast<double>(V + 4 + 4);
        CHECK(std::abs(alone - loss) <= (level == CpuLevel::baseline ? of_total : 0));  // Eigen: other order of sums
        CHECK(std::abs(loss - (std::log(total) + highest - z.data()[target])) <= of_total);
        for (Index v = 0; v < V; ++v) {
          const double x = z.data()[v] - highest, p = x < -87 ? 0 : std::exp(x) / total;
          const double exact = scale * (p - (v == target ? 1 : 0));
          const double bound = scale * (p * (of_total + kRoundoff * (8 - 2 * x)) + (v == target ? kRoundoff : 0));
          REQUIRE(std::abs(d.data()[v] - exact) <= bound + std::numeric_limits<float>::min());
        }
      }
  }
}

TEST_CASE("softmax of infinities and NaN, at every level") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    INFO("level " << name(level));
    for (Index V : {3, 16, 21, 40}) {
      std::vector<float> z(static_cast<std::size_t>(V), -kInfinity), d(z.size());
      z[1] = 5, z.back() = 5;  // all other targets are impossible
      CHECK(softmax_cross_entropy_column(Cpu{}, z.data(), V, 1, 1.0f, d.data()) == Approx(std::log(2.0)));
      CHECK(d[0] <= std::numeric_limits<float>::min());
      CHECK(d[1] == -0.5f);
      CHECK(d.back() == 0.5f);
      z.back() = kNan;
      CHECK(std::isnan(softmax_cross_entropy_column(Cpu{}, z.data(), V, 1, 1.0f, d.data())));
    }
  }
}

TEST_CASE("Adam for every small size, at every level, element-wise") {
  const LevelGuard guard;
  Rng rng(2);
  const AdamStep s{.step_size = 0.3,
                   .beta1 = 0.9,
                   .beta2 = 0.99,
                   .bias_correction2_sqrt = 0.7,
                   .epsilon = 1e-3,
                   .weight_decay_factor = 0.95};
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    for (Index n : sizes()) {
      INFO("level " << name(level) << ", " << n << " weights");
      Guarded w(n, 1, rng), g(n, 1, rng), m(n, 1, rng), v(n, 1, rng);
      for (Index i = 0; i < n; ++i) v.data()[i] *= v.data()[i];
      const Guarded w0 = w, m0 = m, v0 = v;
      adam_update<float>(Cpu{}, s, w.view(), g.view(), m.view(), v.view());
      for (const Guarded* a : {&w, &g, &m, &v}) CHECK(a->untouched());
      for (std::size_t i = 1; i <= static_cast<std::size_t>(n); ++i) {
        const double weight = w0.values[i], gradient = g.values[i], first = m0.values[i], second = v0.values[i];
        const double square = gradient * gradient, m_exact = first + (1 - s.beta1) * (gradient - first),
                     v_exact = second + (1 - s.beta2) * (square - second);
        REQUIRE(std::abs(m.values[i] - m_exact) <= 4 * kRoundoff * std::max(std::abs(first), std::abs(gradient)));
        REQUIRE(std::abs(v.values[i] - v_exact) <= 4 * kRoundoff * std::max(second, square));
        const double move =
            s.step_size * m.values[i] / (std::sqrt(double{v.values[i]}) / s.bias_correction2_sqrt + s.epsilon);
        REQUIRE(std::abs(w.values[i] - (s.weight_decay_factor * weight - move)) <=
                kRoundoff * (10 * std::abs(move) + 4 * std::abs(weight)));
      }
    }
  }
}

TEST_CASE("the sum of squares is computed in double, at every level, for any matrix") {
  const LevelGuard guard;
  Rng rng(3);
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    for (Index rows : {1, 2, 15, 16, 17, 31, 33, 200})
      for (Index cols : {1, 2, 63, 64, 65, 200}) {
        INFO("level " << name(level) << ", " << rows << " x " << cols);
        Guarded a((rows + 2) * cols, 1, rng);
        const MatrixView<float> view{a.data(), rows, cols, rows + 2};  // two more rows, which are not included
        double sum = 0;
        for (Index j = 0; j < cols; ++j) {
          view.data[j * view.stride + rows] = kNan;
          for (Index i = 0; i < rows; ++i) sum += double{view(i, j)} * double{view(i, j)};
        }
        const double bound = static_cast<double>(rows * cols) * std::numeric_limits<double>::epsilon();
        REQUIRE(std::abs(squared_norm(Cpu{}, view) - sum) <= bound * sum);
      }
  }
}

TEST_CASE("losses, Adam, norm and dropout are bit-identical for any number of threads") {
  if (max_threads() == 1) {
    WARN("skipped: this program has one thread");
    return;
  }
  const LevelGuard guard;
  const int before = num_threads();
  const Index V = 131, B = 13, T = 29;  // enough elements for several threads, in uneven parts
  struct Results {
    double softmax, bernoulli, norm;
    std::vector<float> numbers;
    bool operator==(const Results&) const = default;
  };
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    INFO("level " << name(level));
    const auto results = [&](int count) {
      set_num_threads(count);
      Rng rng(4);
      const auto logits = random_sequence<float>(V, B, T, rng);
      Sequence<float> half(V, B, T), d;
      fill(Cpu{}, half.flat(), 0.5f);
      std::vector<std::int32_t> targets;
      for (Index n = 0; n < B * T; ++n) targets.push_back(n % 7 == 3 ? kIgnoreIndex : std::int32_t(n % V));
      auto m = random_sequence<float>(V, B, T, rng), v = m, w = m;
      array(v.flat()) = array(v.flat()).square();
      Results r;
      const auto keep = [&](const Sequence<float>& s) {
        r.numbers.insert(r.numbers.end(), s.data(), s.data() + s.size());
      };
      r.softmax = softmax_cross_entropy(logits, targets, &d).sum;
      keep(d);
      r.bernoulli = bernoulli_cross_entropy(logits, half, &d).sum;
      keep(d);
      adam_update<float>(Cpu{}, {0.1, 0.9, 0.99, 0.5, 1e-8, 1}, w.flat(), logits.flat(), m.flat(), v.flat());
      scale(Cpu{}, m.flat(), 0.3f);
      DropoutCache<float> dropped;
      keep(dropout(logits, 0.4, rng, dropped));
      for (const auto* s : {&w, &m, &v}) keep(*s);
      r.norm = squared_norm(Cpu{}, w.flat());
      set_num_threads(before);
      return r;
    };
    const Results alone = results(1);
    CHECK(alone == results(2));
    CHECK(alone.softmax > 1);
    CHECK(alone.bernoulli > 1);
    CHECK(alone.norm > 1);
  }
}

TEST_CASE("losses, Adam and norm are bit-identical with AVX2 and AVX-512") {
  if (best_cpu_level() < CpuLevel::avx512) {
    WARN("skipped: this machine does not have both");
    return;
  }
  const LevelGuard guard;
  Rng rng(5);
  for (Index n : sizes()) {
    Guarded z(n, 5, rng), g(n, 1, rng);
    std::vector<std::vector<float>> numbers;
    std::vector<double> sums;
    for (CpuLevel level : {CpuLevel::avx2, CpuLevel::avx512}) {
      set_cpu_level(level);
      Guarded d = z, w = z, m = g, v = g;
      for (float& x : v.values) x *= x;
      sums.push_back(softmax_cross_entropy_column(Cpu{}, z.data(), n, 0, 0.1f, d.data()));
      sums.push_back(squared_norm(Cpu{}, z.view()));
      adam_update<float>(Cpu{}, {0.1, 0.9, 0.99, 0.5, 1e-8, 1}, w.view(), g.view(), m.view(), v.view());
      for (Guarded* a : {&d, &w, &m, &v}) numbers.emplace_back(a->data(), a->data() + n);
    }
    INFO(n << " numbers");
    CHECK(sums[0] == sums[2]);
    CHECK(sums[1] == sums[3]);
    for (std::size_t i = 0; i < 4; ++i) CHECK(numbers[i] == numbers[i + 4]);
  }
}

TEST_CASE("Adam flushes denormal moments, and restores the caller's floating-point mode") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    INFO("level " << name(level));
    Parameter<float> p(16, 1);
    fill(Cpu{}, p.first_moment(), 1e-38f);
    for (int step = 0; step < 3; ++step)
      adam_update<float>(Cpu{}, {0.1, 0.5, 0.9, 0.5, 1e-8, 1}, p.value(), p.grad(), p.first_moment(),
                         p.second_moment());
    CHECK(p.first_moment()(7, 0) == 0);
    volatile float small = 1e-38f;
    small = small * 0.1f;
    CHECK(small > 0);
  }
}

TEST_CASE("dropout uses the generator's numbers in order, at every level, starting anywhere in a block") {
  const LevelGuard guard;
  Rng data(6);
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    for (Index n : {1, 3, 15, 16, 17, 70, 511, 512, 513, 2000})
      for (std::uint64_t drawn : {0ull, 1ull, 2ull, 7ull, 0x3FFFFFFF0ull, 0x123456789Aull}) {  // one crosses block 2^32
        INFO("level " << name(level) << ", " << n << " numbers after " << drawn);
        Guarded x(n, 1, data), mask(n, 1, data), y(n, 1, data);
        Rng rng({0x123456789ABCDEFull, 0xFEDCBA9876543210ull, drawn}), same(rng.state());
        dropout_forward<float>(Cpu{}, 0.3, rng, x.view(), mask.view(), y.view());
        CHECK(mask.untouched());
        CHECK(y.untouched());
        Index dropped = 0;
        for (Index i = 0; i < n; ++i) {
          const float wanted = same() < static_cast<std::uint32_t>(0.3 * 0x1p32) ? 0.0f : static_cast<float>(1 / 0.7);
          dropped += wanted == 0;
          REQUIRE(mask.data()[i] == wanted);
          REQUIRE(y.data()[i] == x.data()[i] * wanted);
        }
        if (n > 100) CHECK(dropped > 0);
        CHECK(rng() == same());
      }
  }
}
