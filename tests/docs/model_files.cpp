// SPDX-License-Identifier: MIT
// The C++ blocks of docs/12-model-files.md. Each block is a region `// [name]` of this file.
#include <rondo/io/formats/pytorch.hpp>
#include <rondo/io/inference_model.hpp>
#include <rondo/io/read_model.hpp>
#include <rondo/io/self_test.hpp>
#include <rondo/io/streaming_model.hpp>
#include <rondo/layers/named.hpp>

#include <filesystem>
#include <span>
#include <vector>

#include "io/temporary.hpp"
#include "support/catch.hpp"

namespace {

/// A file "recurrent.safetensors" with an LSTM and a linear layer.
std::filesystem::path example_file(const rondo_test::TemporaryFolder& folder) {
  rondo::Rng rng(1);
  rondo::Lstm<float> lstm({.input = 1, .hidden = 16}, rng);
  rondo::Linear<float> head(16, 1, rng);
  rondo::Safetensors file;
  rondo::add_weights(file, rondo::named("rec", lstm, "lin", head));
  const std::filesystem::path path = folder / "recurrent.safetensors";
  file.write(path);
  return path;
}

TEST_CASE("a model file on a batch, as a stream, and for further training") {
  const rondo_test::TemporaryFolder folder;
  const auto path = example_file(folder);
  constexpr rondo::Index B = 3, T = 7;
  rondo::Sequence<float> x(1, B, T);
  rondo::Rng data(2);
  rondo::initialise_normal(x.flat(), 1.0, data);

  // [batch]
  const rondo::ModelDescription file = rondo::read_model(path);
  const rondo::InferenceModel<float> model(file);
  auto state = model.initial_state(B);
  rondo::InferenceModel<float>::Workspace work;
  const auto& y = model.forward(x, state, work);  // x: C x B x T, y: K x B x T
  // [/batch]
  REQUIRE(y.features() == 1);
  REQUIRE(y.time() == T);

  std::vector<float> input, output(T);
  for (rondo::Index t = 0; t < T; ++t) input.push_back(x(0, 1, t));
  // [stream]
  rondo::StreamingModel<float> stream(file);
  stream.process(input, output);  // a block of samples
  // [/stream]
  for (rondo::Index t = 0; t < T; ++t) CHECK(output[static_cast<std::size_t>(t)] == Approx(y(0, 1, t)).margin(1e-6));

  // [train]
  rondo::Rng rng(1);
  rondo::Lstm<float> lstm({.input = 1, .hidden = 16}, rng);
  rondo::Linear<float> head(16, 1, rng);
  auto mine = rondo::named("rec", lstm, "lin", head);
  rondo::read_weights(file.weights, mine);  // strict: names and shapes
  // [/train]
  rondo::Lstm<float>::Cache cache;
  auto zero = lstm.zero_state(B);
  rondo::Sequence<float> again;
  head.forward(lstm.forward(x, zero, cache, rondo::Inference{}), again);
  CHECK(again(0, 1, T - 1) == Approx(y(0, 1, T - 1)).margin(1e-6));
}

}  // namespace
