// SPDX-License-Identifier: MIT
// StreamingLstm against Lstm::step: every size, depth and level, with and without a head; state; decay to zero.
#include <algorithm>
#include <cmath>
#include <vector>

#include <rondo/layers/streaming.hpp>

#include "cpu/levels.hpp"
#include "support/catch.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// The largest difference over 40 steps; checks that outputs change.
template <class Scalar>
double difference(Index C, Index H, Index L, Index K) {
  Rng rng(5);
  Lstm<Scalar> lstm({.input = C, .hidden = H, .layers = L}, rng);
  Linear<Scalar> head(H, std::max<Index>(K, 1), rng);
  auto state = random_state(lstm, 1, rng);
  StreamingLstm<Scalar> stream = K > 0 ? StreamingLstm<Scalar>(lstm, head) : StreamingLstm<Scalar>(lstm);
  stream.set_state(state);
  REQUIRE(stream.output() == (K > 0 ? K : H));
  typename Lstm<Scalar>::Scratch scratch;
  std::vector<Scalar> x(static_cast<std::size_t>(C)), wanted(static_cast<std::size_t>(stream.output()));
  double worst = 0, largest = 0;
  for (int t = 0; t < 40; ++t) {
    for (Scalar& value : x) value = static_cast<Scalar>(rng.normal());
    const auto h = lstm.step({x.data(), C, 1, C}, state, scratch);
    if (K > 0)
      head.step(h, {wanted.data(), K, 1, K});
    else
      std::copy_n(h.data, H, wanted.data());
    const auto y = stream.step(x);
    REQUIRE(y.size() == wanted.size());
    for (std::size_t k = 0; k < y.size(); ++k) {
      worst = std::max(worst, std::abs(static_cast<double>(y[k] - wanted[k])));
      largest = std::max(largest, std::abs(static_cast<double>(wanted[k])));
    }
  }
  REQUIRE(largest > 1e-2);
  return worst;
}

}  // namespace

TEST_CASE("a stream agrees with Lstm::step to rounding, at every level") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    for (Index H = 1; H <= 70; ++H)
      for (Index L : {1, 2}) {
        const Index C = H % 4 == 0 ? 37 : 1 + H % 3, K = H % 2 == 0 ? 0 : 1 + H % 5;
        INFO("level " << name(level) << ", C " << C << ", H " << H << ", L " << L << ", K " << K);
        // A step sums C + H + 1 terms below 1 in another order and takes five functions; L layers, nothing amplifies
        REQUIRE(difference<float>(C, H, L, K) <= static_cast<double>(L * (C + H + 40)) * 0x1p-23);
      }
  }
  CHECK(difference<double>(3, 21, 2, 4) <= 200 * 0x1p-52);
}

TEST_CASE("compile-time sizes, and reset of a stream") {
  Rng rng(2);
  Lstm<float> lstm({.input = 1, .hidden = 16}, rng);
  Linear<float> head(16, 1, rng);
  StreamingLstm<float, 1, 16> fixed(lstm, head);
  StreamingLstm<float> any(lstm, head);
  std::vector<float> first;
  for (int t = 0; t < 5; ++t) {
    const float x[1] = {static_cast<float>(t) - 2};
    first.push_back(fixed.step(x)[0]);
    CHECK(first.back() == any.step(x)[0]);
  }
  CHECK(first[0] != first[4]);
  fixed.reset();
  for (int t = 0; t < 5; ++t) {
    const float x[1] = {static_cast<float>(t) - 2};
    CHECK(fixed.step(x)[0] == first[static_cast<std::size_t>(t)]);
  }
}

TEST_CASE("a decaying state becomes exactly zero and is never denormal") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    if (level == CpuLevel::baseline) continue;  // Eigen's
    set_cpu_level(level);
    Rng rng(2);
    Lstm<float> lstm({.input = 1, .hidden = 20, .layers = 1, .forget_bias = 0}, rng);
    StreamingLstm<float> stream(lstm);
    const float loud[1] = {1}, nothing[1] = {0};
    stream.step(loud);
    float last = 1;
    for (int t = 0; t < 3000; ++t)
      for (float h : stream.step(nothing)) {
        REQUIRE(std::fpclassify(h) != FP_SUBNORMAL);
        last = h;
      }
    CHECK(last == 0);  // without biases everything decays
  }
}

TEST_CASE("a stream rejects wrong shapes") {
  Rng rng(1);
  Lstm<float> lstm({.input = 3, .hidden = 4}, rng);
  Linear<float> head(5, 1, rng);
  CHECK_THROWS_WITH((StreamingLstm<float, 1, 16>(lstm)), "StreamingLstm<C = 1, H = 16>: the network has C = 3, H = 4");
  CHECK_THROWS_WITH(StreamingLstm<float>(lstm, head), "StreamingLstm: the head wants C = 5 of a network with P = 4");
  StreamingLstm<float> stream(lstm);
  CHECK_THROWS_WITH(stream.set_state(lstm.zero_state(2)),
                    "StreamingLstm::set_state: state.h is 4 x 2 x 1 (P x B x L*D), wanted 4 x 1 x 1");
}
