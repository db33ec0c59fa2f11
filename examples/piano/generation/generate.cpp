// SPDX-License-Identifier: MIT
#include "piano/generation/generate.hpp"
#include "piano/generation/generator.hpp"

#include <rondo/music/condition.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace piano {

namespace music = rondo::music;

music::Performance GeneratedPiece::new_notes() const {
  std::vector<music::Note> notes;
  for (std::size_t i = 0; i < performance.notes.size(); ++i)
    if (!given[i]) notes.push_back(performance.notes[i]);
  return music::make_performance(std::move(notes));
}

std::vector<GeneratedPiece> generate(const rondo::TokenModel<float>& model, const music::InputSpec& input_spec,
                                     const std::vector<Request>& requests, music::Token opening) {
  Generator generator(model, input_spec, requests, opening);
  generator.run();
  return generator.results();
}

music::ConditionValues condition_values_of(const music::Performance& performance) {
  std::array<double, 12> classes{};
  double last = 0;
  for (const music::Note& note : performance.notes) {
    classes[static_cast<std::size_t>(note.pitch % 12)] += 1;
    last = std::max(last, note.start.value);
  }
  const double seconds = std::max(1.0, last);
  return {static_cast<std::int8_t>(music::density_bin(static_cast<double>(performance.notes.size()) / seconds)),
          static_cast<std::int8_t>(music::find_key(classes))};
}

}  // namespace piano
