// SPDX-License-Identifier: MIT
// A model as the bytes that a page contains: five 32-bit integers (pedal mode, conditions and grammar, embedding,
// hidden units, layers), then the weights in the order of for_each_parameter as bf16, all little-endian.
#pragma once

#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/pedal.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace piano {

/// A network and what its input means.
struct PlayableModel {
  rondo::music::PedalMode pedal;
  rondo::music::Conditions conditions;
  bool grammar;  // whether its predictions are under the grammar
  rondo::TokenModel<float> network;

  rondo::music::InputSpec input_spec() const { return {rondo::music::vocabulary_size(pedal), conditions, grammar}; }
};

/// The weights are rounded to the nearest bf16, ties to even.
std::vector<std::uint8_t> pack_model(rondo::music::PedalMode pedal, const rondo::music::Conditions& conditions,
                                     bool grammar, const rondo::TokenModel<float>& network);

/// Throws std::invalid_argument if the bytes are not those of a model.
PlayableModel unpack_model(std::span<const std::uint8_t> bytes);

/// An initialised network. Throws rondo::shape_error for sizes out of range.
PlayableModel new_model(rondo::music::PedalMode pedal, const rondo::music::Conditions& conditions, bool grammar,
                        rondo::Index embedding, rondo::Index hidden, rondo::Index layers, std::uint64_t seed);

}  // namespace piano
