// SPDX-License-Identifier: MIT
// The functions of Math::exact and Math::fast against double, in a dense sweep, at every level. A GRU whose update gate
// is closed computes h = tanh(x).
#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include <rondo/layers/gru.hpp>

#include "cpu/levels.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// A GRU of H equal units, h = tanh(x) + u (h(t-1) - tanh(x)) with u = sigmoid(-40): at an increasing x the second term
/// is below the distance of the samples.
Gru<float> tanh_network(Index H) {
  Rng rng(1);
  Gru<float> gru({.input = 1, .hidden = H}, rng);
  gru.for_each_parameter([](const Path&, auto& parameter) { fill(Cpu{}, parameter.value(), 0.0f); });
  gru.for_each_parameter([H](const Path& path, auto& parameter) {
    const std::string_view name = path.text();
    for (Index u = 0; u < H; ++u) {
      if (name.starts_with("weight_ih")) parameter.value()(2 * H + u, 0) = 1;
      if (name.starts_with("bias_ih")) parameter.value()(H + u, 0) = -40;
    }
  });
  return gru;
}

}  // namespace

TEST_CASE("the functions of streams keep their error bounds, at every level") {
  const LevelGuard guard;
  std::vector<float> x;
  const int count = 400000;
  for (int n = -count; n <= count; ++n) x.push_back(static_cast<float>(12.0 * n / count));
  x.push_back(1e10f);
  x.push_back(std::numeric_limits<float>::max());
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    for (Index H : {1, 12, 48})  // each width of registers, both forms
      for (Math math : {Math::exact, Math::fast}) {
        const auto outputs = static_cast<std::size_t>(H);
        StreamingGru<float> stream(tanh_network(H), {.math = math});
        std::vector<float> y(x.size() * outputs);
        stream.process(x, y);
        double worst = 0, relative = 0;
        for (std::size_t n = 0; n < x.size(); ++n) {
          const double wanted = std::tanh(static_cast<double>(x[n])), got = y[n * outputs + outputs - 1];
          worst = std::max(worst, std::abs(got - wanted));
          if (std::abs(x[n]) < 0.5f && wanted != 0) relative = std::max(relative, std::abs(got / wanted - 1));
        }
        INFO(name(level) << ", H " << H << ", " << (math == Math::fast ? "fast" : "exact") << ": " << worst);
        const bool fast = math == Math::fast && level != CpuLevel::baseline;
        CHECK(worst <= (fast ? 1e-4 : 4e-7));
        if (fast) CHECK(worst > 1e-6);  // is in use
        CHECK(relative <= (fast ? 4e-4 : 1e-6));
      }
  }
}
