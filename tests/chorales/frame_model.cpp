// SPDX-License-Identifier: MIT
#include "chorales/frame_model.hpp"
#include "chorales/sample.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "support/catch.hpp"

using namespace chorales;
using rondo::Index;

namespace {

using Model = FrameModel<rondo::Cpu>;

Piece random_piece(std::size_t frames, unsigned seed) {
  rondo::Rng rng(seed);
  Piece piece(frames);
  for (Frame& frame : piece)
    for (std::size_t k = 20; k < 60; ++k) frame[k] = rng.uniform() < 0.15;
  return piece;
}

Model random_model(bool chords, const std::vector<Piece>& pieces) {
  rondo::Rng rng(5);
  Model model({.lstm = {.input = kPitches, .hidden = 12, .layers = 2}, .chords = chords}, pieces, rng);
  model.for_each_parameter([&](const rondo::Path& path, auto& p) {
    if (path.text() != "chord.weight") return;
    for (Index j = 0; j < kPitches; ++j)
      for (Index k = j + 1; k < kPitches; ++k) p.value()(k, j) = static_cast<float>(rng.normal());
  });
  return model;
}

double loss_of(Model& model, const Batch& batch) {
  Model::Cache cache;
  return model.run(batch, cache, rondo::Inference{}).sum;
}

/// -log p of a frame, key after key from the lowest up, in double.
double nats(const Frame& frame, const float* z, rondo::MatrixView<const float> C) {
  double sum = 0;
  for (std::size_t k = 0; k < kPitches; ++k) {
    double logit = z[k];
    for (std::size_t j = 0; j < k; ++j)
      if (frame[j]) logit += C(static_cast<Index>(k), static_cast<Index>(j));
    sum += std::log1p(std::exp(frame[k] ? -logit : logit));
  }
  return sum;
}

}  // namespace

TEST_CASE("Chorales: the loss is that of keys predicted in turn, each from the lower ones") {
  const std::vector<Piece> pieces{random_piece(9, 1), random_piece(6, 2)};
  for (const bool chords : {true, false}) {
    Model model = random_model(chords, pieces);
    Batch batch;
    fill(batch, {&pieces[0], &pieces[1]}, {});
    double wanted = 0;
    for (const Piece& piece : pieces) {
      auto state = model.zero_state(1);
      Model::Scratch scratch;
      for (std::size_t t = 0; t + 1 < piece.size(); ++t) {
        std::array<float, kPitches> x{};
        for (std::size_t k = 0; k < kPitches; ++k) x[k] = piece[t][k] ? 1.0f : 0.0f;
        const auto z = model.step({x.data(), kPitches, 1, kPitches}, state, scratch);
        wanted += nats(piece[t + 1], z.data, model.chord_weights());
      }
    }
    CHECK(loss_of(model, batch) == Approx(wanted).epsilon(1e-5));
  }
}

TEST_CASE("Chorales: the gradient of the weights between keys is that of central differences, and none goes down") {
  const std::vector<Piece> pieces{random_piece(9, 1), random_piece(6, 2)};
  Model model = random_model(true, pieces);
  Batch batch;
  fill(batch, {&pieces[0], &pieces[1]}, {});
  Model::Cache cache;
  rondo::Rng rng(1);
  rondo::zero_grad(model);
  const double frames = static_cast<double>(model.run(batch, cache, rondo::Training{rng}).count);
  int checked = 0;
  model.for_each_parameter([&](const rondo::Path& path, auto& p) {
    if (path.text() != "chord.weight") return;
    for (Index j = 0; j < kPitches; j += 3)
      for (Index k = 0; k < kPitches; k += 2) {
        const double gradient = p.grad()(k, j);
        if (k <= j) {
          CHECK(gradient == 0);
          continue;
        }
        constexpr float kStep = 1e-2f;
        float& weight = p.value()(k, j);
        const float middle = weight;
        weight = middle + kStep;
        const double above = loss_of(model, batch);
        weight = middle - kStep;
        const double below = loss_of(model, batch);
        weight = middle;
        CHECK(gradient == Approx((above - below) / (2.0 * kStep) / frames).margin(2e-4).epsilon(1e-3));
        checked += gradient != 0;
      }
  });
  CHECK(checked > 100);
}

TEST_CASE("Chorales: frames are drawn from the distribution of the loss") {
  // All keys but four are never active, so there are 16 frames.
  std::vector<float> z(kPitches, -40.0f);
  const std::vector<Index> keys{3, 10, 11, 80};
  rondo::Rng rng(3);
  std::vector<float> values(kPitches * kPitches);
  const rondo::MatrixView<float> C{values.data(), kPitches, kPitches, kPitches};
  for (const Index k : keys) {
    z[static_cast<std::size_t>(k)] = static_cast<float>(rng.normal());
    for (const Index j : keys)
      if (j < k) C(k, j) = 2 * static_cast<float>(rng.normal());
  }
  constexpr int kDraws = 40000;
  std::array<int, 16> counts{};
  for (int n = 0; n < kDraws; ++n) {
    const Frame frame = draw_frame(z.data(), C, rng);
    std::size_t which = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) which |= std::size_t{frame[static_cast<std::size_t>(keys[i])]} << i;
    ++counts[which];
  }
  double total = 0;
  for (std::size_t which = 0; which < counts.size(); ++which) {
    Frame frame;
    for (std::size_t i = 0; i < keys.size(); ++i) frame[static_cast<std::size_t>(keys[i])] = (which >> i & 1) != 0;
    const double p = std::exp(-nats(frame, z.data(), C));
    total += p;
    CHECK(counts[which] / double{kDraws} == Approx(p).margin(4 * std::sqrt(p * (1 - p) / kDraws) + 1e-4));
  }
  CHECK(total == Approx(1).epsilon(1e-6));
}

TEST_CASE("Chorales: a continuation begins with the given frames, and depends on the seed alone") {
  const std::vector<Piece> pieces{random_piece(9, 1), random_piece(20, 2)};
  const Model model = random_model(true, pieces);
  rondo::Rng rng(4), same(4), other(5);
  const auto outputs = continuations(model, pieces, 8, 30, rng);
  REQUIRE(outputs.size() == 2);
  for (std::size_t n = 0; n < 2; ++n) {
    CHECK(outputs[n].size() == 30);
    CHECK(std::equal(outputs[n].begin(), outputs[n].begin() + 8, pieces[n].begin()));
  }
  CHECK(continuations(model, pieces, 8, 30, same) == outputs);
  CHECK(continuations(model, pieces, 8, 30, other) != outputs);
}
