// SPDX-License-Identifier: MIT
#include "piano/instrument/packed_model.hpp"

#include <rondo/core/bfloat16.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>

namespace piano {

namespace music = rondo::music;

namespace {

constexpr std::size_t kHeader = 5;  // integers

std::int32_t flags_of(const music::Conditions& conditions, bool grammar) {
  return conditions.notes_per_second + 2 * conditions.key + 4 * conditions.active_notes + 8 * grammar;
}

void put(std::vector<std::uint8_t>& bytes, std::uint32_t value, int count) {
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint32_t get(std::span<const std::uint8_t> bytes, std::size_t at, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i)
    value |= static_cast<std::uint32_t>(bytes[at + static_cast<std::size_t>(i)]) << (8 * i);
  return value;
}

}  // namespace

std::vector<std::uint8_t> pack_model(music::PedalMode pedal, const music::Conditions& conditions, bool grammar,
                                     const rondo::TokenModel<float>& network) {
  const auto& config = network.config();
  std::vector<std::uint8_t> bytes;
  for (const rondo::Index number : {static_cast<rondo::Index>(pedal), rondo::Index{flags_of(conditions, grammar)},
                                    config.embedding, config.hidden, config.layers})
    put(bytes, static_cast<std::uint32_t>(number), 4);
  network.for_each_parameter([&](const rondo::Path&, const auto& parameter) {
    const auto value = parameter.value();
    for (rondo::Index c = 0; c < value.cols; ++c)
      for (rondo::Index r = 0; r < value.rows; ++r) put(bytes, rondo::to_bfloat16(value(r, c)), 2);
  });
  return bytes;
}

PlayableModel new_model(music::PedalMode pedal, const music::Conditions& conditions, bool grammar,
                        rondo::Index embedding, rondo::Index hidden, rondo::Index layers, std::uint64_t seed) {
  rondo::Rng rng(seed);
  return {pedal, conditions, grammar,
          rondo::TokenModel<float>({.vocabulary = music::vocabulary_size(pedal),
                                    .conditions = conditions.ids(),
                                    .ids_per_step = conditions.ids_per_step(),
                                    .embedding = embedding,
                                    .hidden = hidden,
                                    .layers = layers},
                                   rng)};
}

PlayableModel unpack_model(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 4 * kHeader)
    throw std::invalid_argument("model: " + std::to_string(bytes.size()) + " bytes, wanted at least 20");
  std::array<std::uint32_t, kHeader> header;
  for (std::size_t i = 0; i < kHeader; ++i) header[i] = get(bytes, 4 * i, 4);
  const auto [pedal, flags, embedding, hidden, layers] = header;
  if (pedal > 2 || flags > 15 || embedding - 1 > 8191 || hidden - 1 > 8191 || layers - 1 > 15)
    throw std::invalid_argument("model: its first bytes are not those of a model");
  PlayableModel model =
      new_model(static_cast<music::PedalMode>(pedal),
                {.notes_per_second = (flags & 1) != 0, .key = (flags & 2) != 0, .active_notes = (flags & 4) != 0},
                (flags & 8) != 0, embedding, hidden, layers, 0);
  std::size_t wanted = 4 * kHeader;
  model.network.for_each_parameter([&](const rondo::Path&, const auto& parameter) {
    wanted += 2 * static_cast<std::size_t>(parameter.value().rows * parameter.value().cols);
  });
  if (bytes.size() != wanted)
    throw std::invalid_argument("model: " + std::to_string(bytes.size()) + " bytes, wanted " + std::to_string(wanted));
  std::size_t at = 4 * kHeader;
  model.network.for_each_parameter([&](const rondo::Path&, auto& parameter) {
    const auto value = parameter.value();
    for (rondo::Index c = 0; c < value.cols; ++c)
      for (rondo::Index r = 0; r < value.rows; ++r, at += 2)
        value(r, c) = rondo::from_bfloat16(static_cast<std::uint16_t>(get(bytes, at, 2)));
  });
  return model;
}

}  // namespace piano
