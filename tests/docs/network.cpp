// SPDX-License-Identifier: MIT
// The C++ blocks of the pages about the network. Each block is a region `// [name]` of this file.
#include <rondo/io/checkpoint.hpp>
#include <rondo/rondo.hpp>

#include <array>
#include <cmath>
#include <filesystem>

#include "io/temporary.hpp"
#include "support/catch.hpp"

namespace {

constexpr rondo::Index B = 4, T = 5;

rondo::Sequence<float> random_sequence(rondo::Index features, rondo::Index batch, rondo::Index time, rondo::Rng& rng) {
  rondo::Sequence<float> x(features, batch, time);
  rondo::initialise_normal(x.flat(), 1.0, rng);
  return x;
}

TEST_CASE("a sequence through an LSTM with its state") {
  rondo::Lstm<float>::Cache cache;
  rondo::Rng data(2);
  const auto x = random_sequence(88, B, T, data);
  // [state]
  rondo::Rng rng(1);
  rondo::Lstm<float> lstm({.input = 88, .hidden = 256, .layers = 2, .dropout = 0.1}, rng);
  auto state = lstm.zero_state(B);
  const auto& y = lstm.forward(x, state, cache, rondo::Training{rng});  // H x B x T, stored in the cache
  // [/state]
  REQUIRE(y.features() == 256);
  REQUIRE(y.batch() == B);
  REQUIRE(y.time() == T);
  CHECK(y(0, 0, T - 1) == state.h(0, 0, 1));
  CHECK(std::abs(y(0, 0, 0)) > 0);
}

TEST_CASE("one step after another") {
  rondo::Rng rng(1);
  rondo::Lstm<float> lstm({.input = 3, .hidden = 16}, rng);
  rondo::Lstm<float>::Scratch scratch;
  rondo::Lstm<float>::Cache cache;
  const auto x = random_sequence(3, B, 1, rng);
  auto state = lstm.zero_state(B), other = lstm.zero_state(B);
  const auto x_now = x.at(0);
  // [step]
  const auto h = lstm.step(x_now, state, scratch);  // H x B, a view of the state
  // [/step]
  const auto& y = lstm.forward(x, other, cache, rondo::Inference{});
  REQUIRE(h.rows == 16);
  REQUIRE(h.cols == B);
  for (rondo::Index b = 0; b < B; ++b) CHECK(h(3, b) == Approx(y(3, b, 0)).margin(1e-6));
}

TEST_CASE("a stream with a linear layer") {
  rondo::Rng rng(1);
  rondo::Lstm<float> lstm({.input = 1, .hidden = 16}, rng);
  rondo::Linear<float> head(16, 1, rng);
  const std::array<float, 1> sample_in = {0.5f};
  // [stream]
  rondo::StreamingLstm<float, 1, 16> stream(lstm, head);
  const float y = stream.step(sample_in)[0];  // no allocation, no lock, no system call
  // [/stream]
  rondo::Sequence<float> x(1, 1, 1), wanted;
  x(0, 0, 0) = sample_in[0];
  auto state = lstm.zero_state(1);
  rondo::Lstm<float>::Cache cache;
  head.forward(lstm.forward(x, state, cache, rondo::Inference{}), wanted);
  CHECK(y == Approx(wanted(0, 0, 0)).margin(1e-6));
}

TEST_CASE("several layers as one model") {
  const rondo_test::TemporaryFolder folder;
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  rondo::Rng rng(1);
  rondo::Embedding<float> embedding(8, 4, rng);
  rondo::Lstm<float> lstm({.input = 4, .hidden = 16}, rng);
  rondo::Linear<float> fc(16, 1, rng);
  rondo::Adam adam;
  // [named]
  auto model = rondo::named("encoder", rondo::named("embedding", embedding, "lstm", lstm), "fc", fc);
  adam.step(model);
  rondo::save_model("model.safetensors", model, {});  // encoder.embedding.weight, encoder.lstm.weight_ih_l0, …, fc.bias
  // [/named]
  std::filesystem::current_path(here);
  const auto file = rondo::Safetensors::read(folder / "model.safetensors");
  for (const char* name : {"encoder.embedding.weight", "encoder.lstm.weight_ih_l0", "fc.bias"})
    CHECK(file.tensors.contains(name));
}

TEST_CASE("training and inference") {
  rondo::Rng rng(1);
  rondo::Lstm<float> lstm({.input = 3, .hidden = 16, .layers = 2, .dropout = 0.5}, rng);
  rondo::Lstm<float>::Cache cache;
  const auto x = random_sequence(3, B, T, rng);
  auto state = lstm.zero_state(B);
  // [modes]
  lstm.forward(x, state, cache, rondo::Training{rng});  // dropout masks are drawn from rng
  lstm.forward(x, state, cache, rondo::Inference{});    // no dropout
  // [/modes]
  auto first = lstm.zero_state(B), second = lstm.zero_state(B);
  lstm.forward(x, first, cache, rondo::Training{rng});
  lstm.forward(x, second, cache, rondo::Inference{});
  CHECK(first.h(0, 0, 1) != second.h(0, 0, 1));
}

TEST_CASE("one output for a whole sequence") {
  rondo::Rng rng(1);
  rondo::Lstm<float> lstm({.input = 3, .hidden = 16}, rng);
  rondo::Linear<float> fc(16, 1, rng);
  rondo::Lstm<float>::Cache cache;
  auto state = lstm.zero_state(B), d_state = lstm.zero_state(B);
  const auto x = random_sequence(3, B, T, rng), target = random_sequence(1, B, 1, rng);
  rondo::Sequence<float> last, out, d_out, d_last, dy;
  // [many_to_one]
  const auto& y = lstm.forward(x, state, cache, rondo::Training{rng});  // P x B x T
  rondo::last_step(y, last);                                            // P x B x 1
  fc.forward(last, out);
  rondo::mean_squared_error(out, target, &d_out);
  fc.backward(last, d_out, &d_last);
  rondo::last_step_backward(y, d_last, dy);
  lstm.backward(x, dy, cache, d_state);
  // [/many_to_one]
  CHECK(rondo::clip_grad_norm(lstm, 1.0) > 0);
  CHECK(rondo::clip_grad_norm(fc, 1.0) > 0);
}

}  // namespace
