// SPDX-License-Identifier: MIT
// Checkpoints: a training run that is resumed from a file gives bit-identical results to one without interruption.
#include <rondo/io/checkpoint.hpp>
#include <rondo/layers/token_model.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "temporary.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

template <class Scalar>
struct TrainingRun {
  static constexpr Index kBatch = 3, kTime = 4, kVocabulary = 6;
  Rng rng{1};
  TokenModel<Scalar> model{{.vocabulary = kVocabulary, .embedding = 3, .hidden = 4, .layers = 2}, rng};
  Adam adam{{.learning_rate = 0.05}};
  LstmState<Scalar> state = model.zero_state(kBatch);
  typename TokenModel<Scalar>::Cache cache;

  void step(std::uint64_t n) {
    Rng data(7, n);
    std::vector<std::int32_t> tokens(2 * kBatch * kTime);
    for (auto& token : tokens) token = static_cast<std::int32_t>(data.below(kVocabulary));
    zero_grad(model);
    const auto half = std::span<const std::int32_t>(tokens);
    model.forward_backward(half.first(tokens.size() / 2), half.last(tokens.size() / 2), kBatch, kTime, state, cache,
                           Inference{});
    adam.step(model);
  }

  void save(const std::filesystem::path& path) {
    Safetensors file;
    add_weights(file, model);
    add_optimizer(file, model, adam);
    add_sequence(file, "state.h", state.h);
    add_sequence(file, "state.c", state.c);
    file.write(path);
  }

  void load(const std::filesystem::path& path) {
    const auto file = Safetensors::read(path);
    read_weights(file, model, "training.");
    read_optimizer(file, model, adam);
    read_sequence(file, "state.h", state.h);
    read_sequence(file, "state.c", state.c);
  }
};

}  // namespace

TEMPLATE_TEST_CASE("checkpoint: a resumed training run is bit-identical to an uninterrupted one", "", float, double) {
  const TemporaryFolder folder;
  TrainingRun<TestType> whole, first, second;
  for (std::uint64_t n = 0; n < 8; ++n) whole.step(n);
  for (std::uint64_t n = 0; n < 5; ++n) first.step(n);
  first.save(folder / "middle");
  second.step(99);  // weights, moments and state differ from a fresh model's
  second.load(folder / "middle");
  CHECK(second.adam.steps() == 5);
  for (std::uint64_t n = 5; n < 8; ++n) second.step(n);
  whole.save(folder / "whole");
  second.save(folder / "second");
  const auto bytes = read_bytes(folder / "whole");
  CHECK(bytes.size() > 1000);
  CHECK(bytes == read_bytes(folder / "second"));
  CHECK(bytes != read_bytes(folder / "middle"));
}

TEST_CASE("checkpoint: weights load from both kinds of file; a file with only weights cannot resume") {
  const TemporaryFolder folder;
  TrainingRun<float> trained, fresh;
  for (std::uint64_t n = 0; n < 3; ++n) trained.step(n);
  trained.save(folder / "last");
  save_model(folder / "model", trained.model, {{"step", "3"}});
  CHECK(Safetensors::read(folder / "model").metadata.at("step") == "3");
  for (const char* name : {"last", "model"}) {
    Rng rng(5);
    TokenModel<float> loaded({.vocabulary = 6, .embedding = 3, .hidden = 4, .layers = 2}, rng);
    load_model(folder / name, loaded);
    save_model(folder / "again", loaded, {{"step", "3"}});
    CHECK(read_bytes(folder / "again") == read_bytes(folder / "model"));
  }
  const auto file = Safetensors::read(folder / "model");
  CHECK(contains(error_message_of<file_error>([&] { read_optimizer(file, fresh.model, fresh.adam); }),
                 "no training state to resume"));
}

TEST_CASE("checkpoint: an error names the file and the tensors that do not fit") {
  const TemporaryFolder folder;
  TrainingRun<float> trained;
  trained.step(0);
  trained.save(folder / "last");
  Rng rng(1);
  TokenModel<float> wider({.vocabulary = 6, .embedding = 3, .hidden = 5, .layers = 2}, rng);
  const auto message = error_message_of<file_error>([&] { load_model(folder / "last", wider); });
  CHECK(contains(message, "last: tensor lstm.weight_ih_l0 is 16 x 3, this model wants 20 x 3"));

  auto file = Safetensors::read(folder / "last");
  auto state = trained.model.zero_state(TrainingRun<float>::kBatch + 1);
  CHECK(contains(error_message_of<file_error>([&] { read_sequence(file, "state.h", state.h); }),
                 "tensor training.state.h is 2 x 3 x 4, this model wants 2 x 4 x 4"));
  file.tensors.erase("training.second_moment.output.bias");
  file.tensors.erase("training.first_moment.lstm.weight_hh_l1");
  file.metadata.at("training.adam_steps") = "3 steps";
  TrainingRun<float> fresh;
  fresh.model.for_each_parameter([](const Path&, auto& p) { fill(Cpu{}, p.first_moment(), 7); });
  CHECK(error_message_of<file_error>([&] { read_optimizer(file, fresh.model, fresh.adam); }) ==
        "training.adam_steps is \"3 steps\", wanted a number of steps; "
        "tensor training.first_moment.lstm.weight_hh_l1 is missing; "
        "tensor training.second_moment.output.bias is missing");
  CHECK(fresh.adam.steps() == 0);  // unchanged
  fresh.model.for_each_parameter([](const Path&, auto& p) { CHECK(p.first_moment()(0, 0) == 7); });
}

TEST_CASE("checkpoint: a flipped bit, missing bytes and bytes behind the end are noticed") {
  const TemporaryFolder folder;
  Rng rng(1);
  TokenModel<float> model({.vocabulary = 5, .embedding = 3, .hidden = 4, .layers = 2}, rng);
  save_model(folder / "f", model, {{"config", "{\"hidden\": 4}"}});
  const std::string whole = read_bytes(folder / "f");
  CHECK(Safetensors::parse(whole).metadata.size() == 1);  // the checksum is not a part of what was saved

  // 1000 bits anywhere in the file, and every bit of the entries that announce the checksum.
  std::vector<std::size_t> bits;
  for (int n = 0; n < 1000; ++n) bits.push_back(rng.below(static_cast<std::uint32_t>(8 * whole.size())));
  const std::size_t first = whole.find("\"rondo.checksum\""), last = whole.find('}', first);
  for (std::size_t bit = 8 * first; bit < 8 * last; ++bit) bits.push_back(bit);
  std::size_t noticed = 0;
  for (std::size_t bit : bits) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    const bool refused = !error_message_of<file_error>([&] { Safetensors::parse(damaged); }).empty();
    if (!refused) UNSCOPED_INFO("bit " << bit % 8 << " of byte " << bit / 8 << " is not noticed");
    noticed += refused;
  }
  CHECK(noticed == bits.size());
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(error_message_of<file_error>([&] { Safetensors::parse(whole.substr(0, size)); }).empty());
  CHECK(error_message_of<file_error>([&] { Safetensors::parse(whole + "x"); }).find("1 bytes after the last tensor") !=
        std::string::npos);
}
