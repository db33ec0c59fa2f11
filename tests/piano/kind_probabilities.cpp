// SPDX-License-Identifier: MIT
#include "piano/generation/kind_probabilities.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"

using namespace piano;
using namespace rondo::music;

namespace {

/// The probability of each kind under a softmax of the logits over the allowed tokens.
std::array<double, 5> kinds(const std::vector<float>& logits, const std::vector<std::uint8_t>& allowed) {
  std::array<double, 5> mass{};
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (allowed[i]) {
      const double weight = std::exp(double(logits[i]));
      mass[static_cast<std::size_t>(kind_of(static_cast<Token>(i)))] += weight;
      sum += weight;
    }
  for (double& m : mass) m /= sum;
  return mass;
}

}  // namespace

TEST_CASE("A mask does not change the probability of a kind of event") {
  std::vector<float> logits(kVocabulary);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 37 % 101) / 20;
  const std::vector<std::uint8_t> all(logits.size(), 1);
  const auto before = kinds(logits, all);

  std::vector<std::uint8_t> allowed = all;
  for (int pitch = 0; pitch < kPitches; ++pitch) {
    allowed[static_cast<std::size_t>(note_off(pitch))] = pitch == 60 || pitch == 64;  // two keys are down
    if (pitch == 60 || pitch == 64) allowed[static_cast<std::size_t>(note_on(pitch))] = 0;
  }
  auto masked = logits;
  preserve_kind_probabilities(masked, allowed);
  const auto after = kinds(masked, allowed);
  for (std::size_t k = 0; k < 4; ++k) CHECK(after[k] == Approx(before[k]).epsilon(1e-5));
  CHECK(kinds(logits, allowed)[1] < 0.5 * before[1]);  // the effect of the plain mask on note-offs
  // proportions within a kind are unchanged
  CHECK(masked[static_cast<std::size_t>(note_off(60))] - masked[static_cast<std::size_t>(note_off(64))] ==
        Approx(logits[static_cast<std::size_t>(note_off(60))] - logits[static_cast<std::size_t>(note_off(64))])
            .margin(1e-5));

  SECTION("a kind without allowed tokens has probability 0, the others keep their proportions") {
    for (int pitch = 0; pitch < kPitches; ++pitch) allowed[static_cast<std::size_t>(note_off(pitch))] = 0;
    masked = logits;
    preserve_kind_probabilities(masked, allowed);
    const auto rest = kinds(masked, allowed);
    CHECK(rest[1] == 0);
    CHECK(rest[2] / rest[0] == Approx(before[2] / before[0]).epsilon(1e-5));
  }
}
