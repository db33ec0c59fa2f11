// SPDX-License-Identifier: MIT
// Streams in blocks: the bits of single steps, for random sizes, both cells, both maths, several voices and all levels;
// agreement with a plain loop in double; NaN, infinities and memory shared by x and y.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include <rondo/layers/gru.hpp>
#include <rondo/layers/streaming.hpp>

#include "cpu/levels.hpp"
#include "support/bounded.hpp"
#include "support/catch.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

struct Case {
  Index C, H, L, K, B;
  Math math;
};

/// Inputs of all voices and steps.
std::vector<float> random_inputs(const Case& n, Index steps, Rng& rng) {
  std::vector<float> x(static_cast<std::size_t>(steps * n.B * n.C));
  for (float& value : x) value = static_cast<float>(rng.normal());
  return x;
}

/// One step of one layer of one voice in double: the textbook's equations.
void plain_step(LstmCell, const RecurrentWeights<const float>& w, const std::vector<double>& x, std::vector<double>& h,
                std::vector<double>& c) {
  const Index H = w.shape.hidden;
  std::vector<double> z(static_cast<std::size_t>(4 * H));
  for (Index r = 0; r < 4 * H; ++r) {
    double sum = w.b(r, 0);
    for (Index i = 0; i < w.shape.input; ++i) sum += double(w.W(r, i)) * x[std::size_t(i)];
    for (Index k = 0; k < H; ++k) sum += double(w.R(r, k)) * h[std::size_t(k)];
    z[std::size_t(r)] = sum;
  }
  for (Index u = 0; u < H; ++u) {
    const auto at = [&](Index gate) { return z[std::size_t(gate * H + u)]; };
    auto& cell = c[std::size_t(u)];
    cell = logistic(at(1)) * cell + logistic(at(0)) * std::tanh(at(2));
    h[std::size_t(u)] = logistic(at(3)) * std::tanh(cell);
  }
}
void plain_step(GruCell, const RecurrentWeights<const float>& w, const std::vector<double>& x, std::vector<double>& h,
                std::vector<double>&) {
  const Index H = w.shape.hidden;
  std::vector<double> from_x(std::size_t(3 * H)), from_h(std::size_t(3 * H));
  for (Index r = 0; r < 3 * H; ++r) {
    from_x[std::size_t(r)] = w.b(r, 0), from_h[std::size_t(r)] = w.b_R(r, 0);
    for (Index i = 0; i < w.shape.input; ++i) from_x[std::size_t(r)] += double(w.W(r, i)) * x[std::size_t(i)];
    for (Index k = 0; k < H; ++k) from_h[std::size_t(r)] += double(w.R(r, k)) * h[std::size_t(k)];
  }
  for (Index u = 0; u < H; ++u) {
    const auto both = [&](Index gate) { return from_x[std::size_t(gate * H + u)] + from_h[std::size_t(gate * H + u)]; };
    const double reset = logistic(both(0)), update = logistic(both(1));
    const double n = std::tanh(from_x[std::size_t(2 * H + u)] + reset * from_h[std::size_t(2 * H + u)]);
    h[std::size_t(u)] = (1 - update) * n + update * h[std::size_t(u)];
  }
}

template <class Cell>
std::vector<double> plain_outputs(const Recurrent<Cell, float>& network, const Linear<float>* head, const Case& n,
                                  const RecurrentState<float>& start, const std::vector<float>& x, Index steps) {
  std::vector<double> y;
  std::vector<std::vector<double>> h, c;  // of layer l and voice b at l * B + b
  for (Index l = 0; l < n.L; ++l)
    for (Index b = 0; b < n.B; ++b) {
      h.emplace_back(&start.h.at(l)(0, b), &start.h.at(l)(0, b) + n.H);
      c.emplace_back(std::size_t(n.H));
      if constexpr (Cell::kHasC) c.back().assign(&start.c.at(l)(0, b), &start.c.at(l)(0, b) + n.H);
    }
  for (Index t = 0; t < steps; ++t)
    for (Index b = 0; b < n.B; ++b) {
      const float* from = &x[std::size_t((t * n.B + b) * n.C)];
      std::vector<double> values(from, from + n.C);
      for (Index l = 0; l < n.L; ++l) {
        const auto at = std::size_t(l * n.B + b);
        plain_step(Cell{}, network.layer(l).weights(), values, h[at], c[at]);
        values = h[at];
      }
      for (Index k = 0; k < (head ? n.K : n.H); ++k) {
        double sum = head ? double(head->bias()(k, 0)) : values[std::size_t(k)];
        if (head)
          for (Index u = 0; u < n.H; ++u) sum += double(head->weight()(k, u)) * values[std::size_t(u)];
        y.push_back(sum);
      }
    }
  return y;
}

template <class Cell>
void check_case(const Case& n, Rng& rng) {
  INFO(Cell::kName << " C " << n.C << ", H " << n.H << ", L " << n.L << ", K " << n.K << ", B " << n.B << ", "
                   << (n.math == Math::fast ? "fast" : "exact") << ", " << name(cpu_level()));
  Recurrent<Cell, float> network({.input = n.C, .hidden = n.H, .layers = n.L}, rng);
  for (Index l = 0; l < n.L; ++l)  // gates where their functions are not linear
    initialise_normal(network.layer(l).b().value(), 1, rng);
  Linear<float> head(n.H, std::max<Index>(n.K, 1), rng);
  initialise_normal(head.b().value(), 1, rng);
  const StreamingOptions options{.math = n.math, .voices = n.B};
  using Stream = StreamingRecurrent<Cell, float>;
  Stream blocks = n.K > 0 ? Stream(network, head, options) : Stream(network, options);
  const auto start = random_state(network, n.B, rng);
  blocks.set_state(start);
  Stream single = blocks;
  const Index steps = 1 + rng.below(70);
  const std::vector<float> x = random_inputs(n, steps, rng);
  const auto inputs = std::size_t(n.B * n.C), outputs = std::size_t(n.B * blocks.output());
  std::vector<float> y(std::size_t(steps) * outputs, 123);

  for (std::size_t t = 0; t < std::size_t(steps);) {  // blocks of random sizes, some of them empty
    const auto count = std::min<std::size_t>(rng.below(20), std::size_t(steps) - t);
    blocks.process(std::span(x).subspan(t * inputs, count * inputs),
                   std::span(y).subspan(t * outputs, count * outputs));
    t += count;
  }
  for (std::size_t t = 0; t < std::size_t(steps); ++t) {
    const auto now = single.step(std::span(x).subspan(t * inputs, inputs));
    REQUIRE(std::equal(now.begin(), now.end(), y.begin() + std::ptrdiff_t(t * outputs)));
  }

  const auto wanted = plain_outputs(network, n.K > 0 ? &head : nullptr, n, start, x, steps);
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    worst = std::max(worst, std::abs(y[i] - wanted[i]));
    largest = std::max(largest, std::abs(wanted[i]));
  }
  REQUIRE(largest > 1e-2);
  // Rounding of C + H terms of a few units, and the functions: 4e-7 and 1e-4. A layer feeds errors back through R, and
  // the head adds those of H units.
  const bool fast = n.math == Math::fast && cpu_level() != CpuLevel::baseline;
  const double of_step = static_cast<double>(n.C + n.H + 40) * 0x1p-23 + (fast ? 1e-4 : 4e-7);
  REQUIRE(worst <= 8 * static_cast<double>(n.L) * of_step);
}

}  // namespace

TEST_CASE("a block has the bits of single steps and agrees with a plain loop in double") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    Rng rng(11);
    const auto check = [&](const Case& n) {
      check_case<LstmCell>(n, rng);
      check_case<GruCell>(n, rng);
    };
    for (Index H : {1, 4, 7, 8, 9, 12, 13, 16, 17, 20, 24, 27, 31, 32, 36, 40, 41, 64, 80})  // every kernel
      for (Math math : {Math::exact, Math::fast})
        for (Index L : {1, 2}) check({1, H, L, 1, 1, math});
    for (int n = 0; n < 60; ++n) {
      const auto draw = [&](Index first, Index last) {
        return first + Index(rng.below(std::uint32_t(last - first + 1)));
      };
      const Index B = draw(0, 1) == 0 ? 1 : draw(2, 16);
      check({draw(1, 40), draw(1, 96), draw(1, 3), draw(0, 3), B, draw(0, 1) == 0 ? Math::exact : Math::fast});
    }
  }
}

TEST_CASE("every stream takes blocks: double, a projection, layer norm, voices") {
  Rng rng(3);
  const auto check = [&]<class Cell, class Scalar>(const Recurrent<Cell, Scalar>& network, Index B) {
    using Stream = StreamingRecurrent<Cell, Scalar>;
    Stream blocks(network, StreamingOptions{.voices = B}), single = blocks;
    std::vector<Scalar> x(static_cast<std::size_t>(30 * B * network.input()));
    for (Scalar& value : x) value = static_cast<Scalar>(rng.normal());
    const auto outputs = static_cast<std::size_t>(B * network.output());
    std::vector<Scalar> y(30 * outputs);
    blocks.process(x, y);
    for (std::size_t t = 0; t < 30; ++t) {
      const auto now = single.step(std::span<const Scalar>(x).subspan(t * x.size() / 30, x.size() / 30));
      REQUIRE(std::equal(now.begin(), now.end(), y.begin() + static_cast<std::ptrdiff_t>(t * outputs)));
    }
    Stream one(network);  // the last voice alone
    const auto C = static_cast<std::size_t>(network.input()), P = outputs / static_cast<std::size_t>(B);
    for (std::size_t t = 0; t < 30; ++t) {
      const auto now = one.step(std::span<const Scalar>(x).subspan((t + 1) * x.size() / 30 - C, C));
      for (std::size_t k = 0; k < P; ++k)
        REQUIRE(std::abs(static_cast<double>(now[k] - y[(t + 1) * outputs - P + k])) < 1e-5);
    }
  };
  for (Index B : {1, 3}) {
    check(Lstm<double>({.input = 3, .hidden = 21, .layers = 2}, rng), B);
    check(Lstm<float>({.input = 3, .hidden = 21, .layers = 2, .projection = 5}, rng), B);
    check(Lstm<float>({.input = 2, .hidden = 10, .layer_norm = true}, rng), B);
    check(Gru<double>({.input = 1, .hidden = 5}, rng), B);
  }
}

TEST_CASE("x and y of a block may be the same memory") {
  Rng rng(4);
  for (Index C : {1, 3}) {
    Lstm<float> lstm({.input = C, .hidden = 12, .layers = 2}, rng);
    Linear<float> head(12, C, rng);
    StreamingLstm<float> first(lstm, head), second(lstm, head);
    std::vector<float> x(static_cast<std::size_t>(300 * C)), y(x.size());
    for (float& value : x) value = static_cast<float>(rng.normal());
    first.process(x, y);
    second.process(x, x);
    CHECK(x == y);
  }
}

TEST_CASE("a stream of NaN stays NaN, infinite inputs saturate") {
  const LevelGuard guard;
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    for (Index H : {5, 12, 16, 20, 24, 32, 40, 50})
      for (Math math : {Math::exact, Math::fast}) {
        INFO(name(level) << ", H " << H);
        Rng rng(5);
        Lstm<float> lstm({.input = 1, .hidden = H}, rng);
        Gru<float> gru({.input = 1, .hidden = H}, rng);
        const auto check = [&](auto& stream) {
          for (float h : stream.step(std::vector{infinity})) CHECK(std::abs(h) <= 1);
          for (float h : stream.step(std::vector{-infinity})) CHECK(std::abs(h) <= 1);
          for (float x : {nan, 0.0f, 0.0f})
            for (float h : stream.step(std::vector{x})) CHECK(std::isnan(h));
        };
        StreamingLstm<float> lstm_stream(lstm, {.math = math});
        StreamingGru<float> gru_stream(gru, {.math = math});
        check(lstm_stream);
        check(gru_stream);
      }
  }
}
