// SPDX-License-Identifier: MIT
#include "piano/generation/generate.hpp"
#include "piano/generation/stream.hpp"

#include <rondo/music/condition.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <span>

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
  std::vector<Stream> streams;
  for (const Request& request : requests) streams.emplace_back(request, input_spec, opening);
  const auto ids_per_step = static_cast<std::size_t>(input_spec.conditions.ids_per_step());
  std::vector<music::Token> inputs(streams.size() * ids_per_step);
  auto state = model.zero_state(static_cast<rondo::Index>(streams.size()));
  rondo::TokenModel<float>::Scratch scratch;
  for (std::size_t t = 0; !std::all_of(streams.begin(), streams.end(), std::mem_fn(&Stream::done)); ++t) {
    for (std::size_t b = 0; b < streams.size(); ++b)
      streams[b].next_input(t, std::span(inputs).subspan(b * ids_per_step, ids_per_step));
    const auto logits = model.step(inputs, state, scratch);
    for (std::size_t b = 0; b < streams.size(); ++b)
      streams[b].set_logits(t, {&logits(0, static_cast<rondo::Index>(b)), static_cast<std::size_t>(logits.rows)});
  }
  std::vector<GeneratedPiece> pieces;
  for (const Stream& stream : streams) pieces.push_back(stream.result());
  return pieces;
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
