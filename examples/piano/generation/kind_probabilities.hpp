// SPDX-License-Identifier: MIT
// Masking that keeps the probability of each kind of event. A network also gives note-off probability to keys that are
// up. If a mask only removed these tokens, note-offs would become too rare and the polyphony would grow. The
// probability of the masked tokens of a kind is therefore given to the allowed tokens of the same kind, if there are
// any.
#pragma once

#include "piano/music_names.hpp"

#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace piano {

/// Raises the logits of allowed tokens so that each kind of event with an allowed token keeps the probability that it
/// had before the mask. Both spans have the length of the vocabulary.
inline void preserve_kind_probabilities(std::span<float> logits, std::span<const std::uint8_t> allowed) {
  constexpr std::size_t kKinds = 5;
  float highest = -std::numeric_limits<float>::infinity();
  for (float z : logits) highest = std::max(highest, z);
  std::array<double, kKinds> whole{}, left{};
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto kind = static_cast<std::size_t>(music::kind_of(static_cast<Token>(i)));
    const double weight = std::exp(static_cast<double>(logits[i] - highest));
    whole[kind] += weight;
    if (allowed[i]) left[kind] += weight;
  }
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (allowed[i]) {
      const auto kind = static_cast<std::size_t>(music::kind_of(static_cast<Token>(i)));
      if (left[kind] > 0) logits[i] += static_cast<float>(std::log(whole[kind] / left[kind]));
    }
}

}  // namespace piano
