// SPDX-License-Identifier: MIT
// Stateless layers, the token model, losses and pooling with each argument wrong in each dimension.
#include <cstdint>
#include <vector>

#include <rondo/layers/dropout.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/inference_token_model.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/pooling.hpp>
#include <rondo/layers/regression_losses.hpp>
#include <rondo/layers/token_model.hpp>

#include "support/wrong_shapes.hpp"

using namespace rondo_test;

TEST_CASE("wrong shapes: linear and embedding") {
  constexpr Index K = 2;
  Rng rng(4);
  Linear<float> linear(kC, K, rng);
  Sequence<float> out;
  check("Linear::forward", {{"x.C", kC}}, [&](const Sizes& s) { linear.forward(zeros<float>(s[0], kB, kT), out); });
  const auto of_step = [&](auto call) {
    return [&, call](const Sizes& s) {
      const auto x = zeros<float>(s[0], s[1], 1);
      auto y = zeros<float>(s[2], s[3], 1);
      call(x.at(0), y.at(0));
    };
  };
  const std::vector<Dimension> step = {{"x.C", kC}, {"x.B", kB}, {"y.K", K}, {"y.B", kB}};
  check("Linear::forward", step, of_step([&](auto x, auto y) { linear.forward(x, y); }));
  check("Linear::step", step, of_step([&](auto x, auto y) { linear.step(x, y); }));
  check("Linear::backward", {{"x.C", kC}, {"x.B", kB}, {"x.T", kT}, {"dy.K", K}, {"dy.B", kB}, {"dy.T", kT}},
        [&](const Sizes& s) { linear.backward(zeros<float>(s[0], s[1], s[2]), zeros<float>(s[3], s[4], s[5]), &out); });
  check("Linear::backward", {{"x.C", kC}, {"x.B", kB}, {"dy.K", K}, {"dy.B", kB}, {"dx.C", kC}, {"dx.B", kB}},
        [&](const Sizes& s) {
          const auto x = zeros<float>(s[0], s[1], 1), dy = zeros<float>(s[2], s[3], 1);
          auto dx = zeros<float>(s[4], s[5], 1);
          linear.backward(x.at(0), dy.at(0), dx.at(0));
        });

  Embedding<float> embedding(kV, kC, rng);
  const std::vector<Dimension> counts = {{"ids", 2 * kB * kT}, {"B", kB}, {"T", kT}, {"K", 2}};
  const auto ids = [](Index count) { return std::vector<std::int32_t>(static_cast<std::size_t>(count), 1); };
  check("Embedding", counts, [&](const Sizes& s) { embedding.input(ids(s[0]), s[1], s[2], s[3]); });
  check("Embedding", counts, [&](const Sizes& s) { embedding.checked_input(ids(s[0]), s[1], s[2], s[3]); });
  check("Embedding", counts, [&](const Sizes& s) { embedding.forward(ids(s[0]), s[1], s[2], out, s[3]); });
  check("Embedding::backward", {{"ids", 2 * kB * kT}, {"dy.D", kC}, {"dy.B", kB}, {"dy.T", kT}, {"K", 2}},
        [&](const Sizes& s) { embedding.backward(ids(s[0]), zeros<float>(s[1], s[2], s[3]), s[4]); });
  for (const std::int32_t foreign : {-1, int(kV)})
    check_wrong("Embedding", [&] { embedding.forward(std::vector<std::int32_t>{0, foreign}, 1, 2, out); });
}

TEST_CASE("wrong shapes: the token model") {
  Rng rng(5);
  TokenModel<float> model({.vocabulary = kV, .embedding = kC, .hidden = kH, .layers = 2, .dropout = 0.1}, rng);
  const auto ids = [](Index count) { return std::vector<std::int32_t>(static_cast<std::size_t>(count), 1); };
  const auto state_from = [](const Sizes& s, std::size_t n) { return state_at<LstmCell, float>(s, n); };

  check("", with_state<LstmCell>({{"ids", kB * kT}, {"B", kB}, {"T", kT}}, kH, 2), [&](const Sizes& s) {
    auto state = state_from(s, 3);
    TokenModel<float>::Cache cache;
    model.forward(ids(s[0]), s[1], s[2], state, cache, Training{rng});
  });
  check("", {{"ids", kB * kT}, {"d_logits.V", kV}, {"d_logits.B", kB}, {"d_logits.T", kT}}, [&](const Sizes& s) {
    auto state = model.zero_state(kB);
    TokenModel<float>::Cache cache;
    model.forward(ids(kB * kT), kB, kT, state, cache, Training{rng});
    model.backward(ids(s[0]), zeros<float>(s[1], s[2], s[3]), cache);
  });
  check("", {{"ids", kB * kT}, {"targets", kB * kT}, {"B", kB}, {"T", kT}}, [&](const Sizes& s) {
    auto state = model.zero_state(kB);
    TokenModel<float>::Cache cache;
    model.forward_backward(ids(s[0]), ids(s[1]), s[2], s[3], state, cache, Training{rng});
  });
  check("", with_state<LstmCell>({{"ids", kB}}, kH, 2), [&](const Sizes& s) {
    auto state = state_from(s, 1);
    TokenModel<float>::Scratch scratch;
    model.step(ids(s[0]), state, scratch);
  });
  const InferenceTokenModel<float> fast(model);
  check("", with_state<LstmCell>({{"ids", kB * kT}, {"B", kB}, {"T", kT}}, kH, 2), [&](const Sizes& s) {
    auto state = state_from(s, 3);
    InferenceTokenModel<float>::Workspace work;
    fast.forward(ids(s[0]), s[1], s[2], state, work);
  });
  check_wrong("TokenModel::backward", [&] {
    TokenModel<float>::Cache empty;
    model.backward({}, Sequence<float>(kV, 0, 0), empty);
  });
}

TEST_CASE("wrong shapes: losses, pooling, dropout") {
  const auto ids = [](Index count) { return std::vector<std::int32_t>(static_cast<std::size_t>(count), 1); };
  Sequence<float> d;
  check("softmax_cross_entropy", {{"logits.B", kB}, {"logits.T", kT}, {"targets", kB * kT}},
        [&](const Sizes& s) { softmax_cross_entropy(zeros<float>(kV, s[0], s[1]), ids(s[2]), &d); });
  check_wrong("softmax_cross_entropy: target 1",
              [&] { softmax_cross_entropy(zeros<float>(1, kB, kT), ids(kB * kT), &d); });
  const std::vector<Dimension> pair = {{"y.C", kC},      {"y.B", kB},      {"y.T", kT},
                                       {"target.C", kC}, {"target.B", kB}, {"target.T", kT}};
  check("bernoulli_cross_entropy", pair, [&](const Sizes& s) {
    bernoulli_cross_entropy(zeros<float>(s[0], s[1], s[2]), zeros<float>(s[3], s[4], s[5]), &d);
  });

  auto weighted = pair;
  weighted.push_back({"weights", kB * kT});
  const std::vector<Dimension> of_step = {{"y.C", kC},  {"y.B", kB},  {"target.C", kC}, {"target.B", kB},
                                          {"dy.C", kC}, {"dy.B", kB}, {"weights", kB}};
  const auto whole = [&](auto loss) {
    return [&, loss](const Sizes& s) {
      const std::vector<float> weights(static_cast<std::size_t>(s[6]), 1.0f);
      loss(zeros<float>(s[0], s[1], s[2]), zeros<float>(s[3], s[4], s[5]), weights);
    };
  };
  const auto step = [&](auto loss) {
    return [&, loss](const Sizes& s) {
      const std::vector<float> weights(static_cast<std::size_t>(s[6]), 1.0f);
      const auto y = zeros<float>(s[0], s[1], 1), target = zeros<float>(s[2], s[3], 1);
      auto dy = zeros<float>(s[4], s[5], 1);
      loss(y.at(0), target.at(0), dy.at(0), weights);
    };
  };
  check("mean_squared_error", weighted, whole([&](const auto& y, const auto& target, const auto& weights) {
          mean_squared_error(y, target, &d, weights);
        }));
  check("huber", weighted,
        whole([&](const auto& y, const auto& target, const auto& weights) { huber(y, target, 1, &d, weights); }));
  check("mean_squared_error", of_step, step([&](auto y, auto target, auto dy, const auto& weights) {
          mean_squared_error(Cpu{}, y, target, dy, weights);
        }));
  check("huber", of_step,
        step([&](auto y, auto target, auto dy, const auto& weights) { huber(Cpu{}, y, target, 1, dy, weights); }));

  const auto y = zeros<float>(kC, kB, kT);
  const std::vector<Dimension> pooled = {{"y.C", kC}, {"y.B", kB}, {"out.P", kC}, {"out.B", kB}};
  const auto pool = [&](auto call) {
    return [&, call](const Sizes& s) {
      auto out = zeros<float>(s[2], s[3], 1);
      call(zeros<float>(s[0], s[1], kT), out);
    };
  };
  check("last_step", pooled, pool([](const auto& in, auto& out) { last_step(in, out.at(0)); }));
  check("mean_over_time", pooled, pool([](const auto& in, auto& out) { mean_over_time(in, out.at(0)); }));
  check("last_step_backward", pooled, pool([&](const auto& in, auto& out) { last_step_backward(in, out.at(0), d); }));
  check("mean_over_time_backward", pooled,
        pool([&](const auto& in, auto& out) { mean_over_time_backward(in, out.at(0), d); }));
  const std::vector<Dimension> d_out = {{"d_out.P", kC}, {"d_out.B", kB}, {"d_out.T", 1}};
  check("last_step_backward", d_out, [&](const Sizes& s) { last_step_backward(y, zeros<float>(s[0], s[1], s[2]), d); });
  check("mean_over_time_backward", d_out,
        [&](const Sizes& s) { mean_over_time_backward(y, zeros<float>(s[0], s[1], s[2]), d); });
  for (const Index rows : {Index{-1}, kC + 1}) {
    check_wrong("last_step", [&] { last_step(y, d, rows); });
    check_wrong("last_step_backward", [&] { last_step_backward(y, zeros<float>(kC, kB, 1), d, rows); });
  }

  Rng rng(6);
  DropoutCache<float> cache;
  for (const double p : {-0.1, 1.0, 1.5}) check_wrong("dropout: p is", [&] { dropout(y, p, rng, cache); });
  dropout(y, 0.5, rng, cache);
  check("dropout_backward", {{"d.C", kC}, {"d.B", kB}, {"d.T", kT}}, [&](const Sizes& s) {
    auto slope = zeros<float>(s[0], s[1], s[2]);
    dropout_backward(cache, slope);
  });
}
