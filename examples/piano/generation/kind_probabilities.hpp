// SPDX-License-Identifier: MIT
// A mask without a bias. A network spreads what it means by "lift a key now" over keys that are up, too; were those
// simply struck out, lifting as a whole would become unlikely, keys would pile up and the music thicken beyond anything
// learned. So what a mask takes from the tokens of a kind goes to the allowed ones of the same kind, as long as there
// is one.
#pragma once

#include <rondo/music/vocabulary.hpp>
#include "piano/music_names.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace piano {

/// Raises the logits of allowed tokens so that each kind of event keeps the probability it had before the mask, where
/// any token of it is allowed. Both spans are as long as the vocabulary.
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
