// SPDX-License-Identifier: MIT
// LocalSteps beside its formula in double.
#include <rondo/distributed/local_steps.hpp>

#include <rondo/core/random.hpp>
#include <rondo/layers/linear.hpp>

#include "support/catch.hpp"
#include "support/thread_ranks.hpp"

#include <cmath>
#include <cstddef>
#include <exception>
#include <vector>

using namespace rondo;

namespace {

constexpr int kRanks = 3;

/// What rank `r` adds to its weight n in step `step`.
double change(int r, int step, std::size_t n) {
  return std::sin(1 + r + 3.0 * step + 0.1 * static_cast<double>(n)) * 0.01;
}

std::vector<double> weights_of(Linear<float>& model) {
  std::vector<double> all;
  model.for_each_parameter(
      [&](const Path&, auto& p) { all.insert(all.end(), p.value().data, p.value().data + p.size()); });
  return all;
}

}  // namespace

TEST_CASE("LocalSteps: outer steps follow the formula") {
  const double rate = GENERATE(1.0, 0.7), momentum = GENERATE(0.0, 0.9);
  const int every = GENERATE(1, 4);
  constexpr int kSteps = 12;
  CAPTURE(rate, momentum, every);

  Rng rng(5);
  Linear<float> first(4, 3, rng);
  std::vector<double> a = weights_of(first), v(a.size());
  std::vector<std::vector<double>> w(kRanks, a);
  for (int step = 0; step < kSteps; ++step) {
    for (int r = 0; r < kRanks; ++r)
      for (std::size_t n = 0; n < a.size(); ++n) w[static_cast<std::size_t>(r)][n] += change(r, step, n);
    if ((step + 1) % every != 0) continue;
    for (std::size_t n = 0; n < a.size(); ++n) {
      double d = 0;
      for (int r = 0; r < kRanks; ++r) d += (a[n] - w[static_cast<std::size_t>(r)][n]) / kRanks;
      v[n] = momentum * v[n] + d;
      a[n] -= rate * (d + momentum * v[n]);
      for (auto& of_rank : w) of_rank[n] = a[n];
    }
  }

  std::vector<std::vector<double>> got(kRanks);
  test::run_ranks(kRanks, [&](Communicator& ranks) {
    Rng own(ranks.rank() == 0 ? 5 : 50);
    Linear<float> model(4, 3, own);
    LocalSteps<float> local(model, ranks, {.every = every, .learning_rate = rate, .momentum = momentum});
    for (int step = 0; step < kSteps; ++step) {
      std::size_t n = 0;
      model.for_each_parameter([&](const Path&, auto& p) {
        for (Index i = 0; i < p.size(); ++i) p.value().data[i] += static_cast<float>(change(ranks.rank(), step, n++));
      });
      double total[] = {1.0};
      const bool outer = local.after_step(model, total);
      if (outer != ((step + 1) % every == 0) || total[0] != (outer ? kRanks : 1)) std::terminate();
    }
    got[static_cast<std::size_t>(ranks.rank())] = weights_of(model);
  });
  for (int r = 0; r < kRanks; ++r) {
    REQUIRE(got[static_cast<std::size_t>(r)] == got[0]);
    for (std::size_t n = 0; n < a.size(); ++n)
      REQUIRE(got[static_cast<std::size_t>(r)][n] == Approx(a[n]).margin(1e-5));
  }
}

TEST_CASE("LocalSteps: finish averages what is left, moments on demand") {
  std::vector<std::vector<double>> got(kRanks);
  std::vector<float> moment(kRanks);
  Rng rng(5);
  Linear<float> first(4, 3, rng);
  const auto before = weights_of(first);
  test::run_ranks(kRanks, [&](Communicator& ranks) {
    Linear<float> model = first;
    LocalSteps<float> local(model, ranks, {.every = 100});
    const auto add = static_cast<float>(ranks.rank() + 1);
    model.for_each_parameter([&](const Path&, auto& p) {
      fill(Cpu{}, p.first_moment(), add);
      p.value()(0, 0) += add;
    });
    local.after_step(model);
    local.finish(model);
    local.finish(model);  // nothing left to do
    local.average_moments(model);
    got[static_cast<std::size_t>(ranks.rank())] = weights_of(model);
    model.for_each_parameter(
        [&](const Path&, auto& p) { moment[static_cast<std::size_t>(ranks.rank())] = p.first_moment()(0, 0); });
  });
  for (int r = 0; r < kRanks; ++r) {
    REQUIRE(got[static_cast<std::size_t>(r)][0] == Approx(before[0] + 2));
    REQUIRE(got[static_cast<std::size_t>(r)][1] == Approx(before[1]));
    REQUIRE(moment[static_cast<std::size_t>(r)] == 2.0f);
  }
}

TEST_CASE("LocalSteps: options out of range are refused") {
  Rng rng(5);
  Linear<float> model(4, 3, rng);
  SingleProcess alone;
  REQUIRE_THROWS_AS(LocalSteps<float>(model, alone, {.every = 0}), shape_error);
  REQUIRE_THROWS_AS(LocalSteps<float>(model, alone, {.learning_rate = 0}), shape_error);
  REQUIRE_THROWS_AS(LocalSteps<float>(model, alone, {.momentum = 1}), shape_error);
}
