// SPDX-License-Identifier: MIT
#include "piano/generation/generate.hpp"
#include "piano/generation/stream.hpp"

#include <rondo/music/condition.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace piano {

namespace music = rondo::music;

music::Performance Take::fresh() const {
  std::vector<music::Note> notes;
  for (std::size_t i = 0; i < performance.notes.size(); ++i)
    if (!given[i]) notes.push_back(performance.notes[i]);
  return music::make_performance(std::move(notes));
}

std::vector<Take> generate(const rondo::TokenModel<float>& model, const music::Hearing& hearing,
                           const std::vector<Request>& requests, music::Token opening) {
  std::vector<Stream> streams;
  for (const Request& request : requests) streams.emplace_back(request, hearing, opening);
  const auto per_step = static_cast<std::size_t>(hearing.conditions.per_step());
  std::vector<music::Token> heard(streams.size() * per_step);
  auto state = model.zero_state(static_cast<rondo::Index>(streams.size()));
  rondo::TokenModel<float>::Scratch scratch;
  for (std::size_t t = 0; !std::ranges::all_of(streams, &Stream::done); ++t) {
    for (std::size_t b = 0; b < streams.size(); ++b)
      streams[b].speak(t, std::span(heard).subspan(b * per_step, per_step));
    const auto logits = model.step(heard, state, scratch);
    for (std::size_t b = 0; b < streams.size(); ++b)
      streams[b].hear(t, {&logits(0, static_cast<rondo::Index>(b)), static_cast<std::size_t>(logits.rows)});
  }
  std::vector<Take> takes;
  for (const Stream& stream : streams) takes.push_back(stream.take());
  return takes;
}

music::Told told_by(const music::Performance& performance) {
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
