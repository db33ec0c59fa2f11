// SPDX-License-Identifier: MIT
#include "piano/instrument/packed_model.hpp"

#include <cmath>
#include <stdexcept>
#include <vector>

#include "piano/random_models.hpp"
#include "support/catch.hpp"

using namespace piano;
using namespace rondo_test;

TEST_CASE("A packed model has the same network, each weight within half a unit of bf16") {
  const music::InputSpec spec{music::kVocabularyWithPedal, {.notes_per_second = true, .active_notes = true}};
  const auto model = random_model(spec, 4);
  const bool grammar = GENERATE(false, true);
  const auto bytes = pack_model(music::PedalMode::tokens, spec.conditions, grammar, model);
  const PlayableModel read = unpack_model(bytes);
  CHECK(read.grammar == grammar);
  CHECK(read.input_spec().grammar == grammar);
  CHECK(read.pedal == music::PedalMode::tokens);
  CHECK(read.conditions == spec.conditions);
  std::vector<float> before, after;
  const auto list = [](std::vector<float>& to) {
    return [&to](const rondo::Path&, const auto& p) { to.insert(to.end(), p.value().data, p.value().data + p.size()); };
  };
  model.for_each_parameter(list(before));
  read.network.for_each_parameter(list(after));
  REQUIRE(after.size() == before.size());
  CHECK(bytes.size() == 20 + 2 * before.size());
  double changed = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    REQUIRE(std::abs(after[i] - before[i]) <= std::ldexp(std::abs(before[i]), -8));  // 8 bits, the first one implicit
    changed += after[i] != before[i];
  }
  CHECK(changed > 0.9 * static_cast<double>(before.size()));  // they are not simply the same numbers
}

TEST_CASE("Bytes that are not a model are refused") {
  const music::InputSpec spec{};
  auto bytes = pack_model(music::PedalMode::extend, spec.conditions, spec.grammar, random_model(spec, 4));
  const auto message = [](const std::vector<std::uint8_t>& all) {
    try {
      unpack_model(all);
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  auto cut = bytes;
  cut.resize(bytes.size() - 1);
  CHECK(message(cut) == "model: " + std::to_string(cut.size()) + " bytes, wanted " + std::to_string(bytes.size()));
  CHECK(message({1, 2, 3}) == "model: 3 bytes, wanted at least 20");
  bytes[0] = 9;
  CHECK(message(bytes) == "model: its first bytes are not those of a model");
}
