// SPDX-License-Identifier: MIT
// For arbitrary bytes the reader returns a file that can be played and written back unchanged, or throws one error; its
// memory is bounded by a multiple of the input.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include <rondo/midi/compose.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/midi/summary.hpp>
#include <rondo/midi/writer.hpp>

namespace midi = rondo::midi;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check(std::span<const std::uint8_t> bytes) {
  const midi::ReadResult result = midi::read(bytes);
  require(result.diagnostics.size() <= midi::Diagnostics::kMaximum + 1);
  for (const midi::Diagnostic& d : result.diagnostics) require(d.offset <= bytes.size());

  std::size_t reserved = 0;
  for (const midi::Track& track : result.file.tracks) reserved += track.events.capacity();
  require(reserved <= 8 * bytes.size());

  const auto written = midi::write(result.file);
  const midi::ReadResult again = midi::read(written);
  require(again.file == result.file);
  require(midi::write(again.file, {.running_status = false}).size() >= written.size());

  constexpr auto strict = midi::NotePairing::first_in_first_out;
  const auto ticks = midi::extract<midi::Ticks>(result.file, strict);
  const auto seconds = midi::extract<midi::Seconds>(result.file, strict);
  require(ticks.notes.size() == seconds.notes.size());
  std::size_t note_ons = 0;
  for (const midi::Track& track : result.file.tracks) note_ons += midi::summarize(track).notes;
  require(note_ons == ticks.notes.size());
  for (const auto& note : ticks.notes) require(note.start <= note.end && note.end <= ticks.duration);
  for (const auto& span : midi::pedal_spans(ticks)) require(span.start <= span.end);
  const auto played = midi::extract<midi::Ticks>(result.file);
  require(played.notes.size() <= ticks.notes.size());
  require(played.diagnostics.size() <= midi::Diagnostics::kMaximum + 1);
  for (const auto& note : played.notes) require(note.start <= note.end && note.end <= played.duration);
  require(midi::extract<midi::Seconds>(result.file).notes.size() == played.notes.size());
  require(midi::duration(result.file) == seconds.duration);

  if (result.file.tracks.size() < 65535 && seconds.duration.value < 1e5) {
    const auto composed = midi::extract<midi::Seconds>(midi::read(midi::write(midi::compose(seconds))).file, strict);
    require(composed.notes.size() == seconds.notes.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check({data, size});
  } catch (const midi::error& e) {
    require(std::string(e.what()).find('\n') == std::string::npos);
  }
  return 0;
}
