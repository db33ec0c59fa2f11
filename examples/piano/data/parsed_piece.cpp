// SPDX-License-Identifier: MIT
#include "piano/data/parsed_piece.hpp"
#include "piano/data/read_piece.hpp"

#include <rondo/music/hash.hpp>

#include <bit>
#include <cstddef>
#include <exception>
#include <system_error>
#include <utility>

namespace piano {
namespace {

namespace music = rondo::music;
using rondo::midi::Seconds;

std::uint64_t hash_of(const music::Performance& performance) {
  std::uint64_t hash = performance.notes.size();
  const auto add = [&hash](std::uint64_t value) { hash = music::mix(hash ^ value); };
  const auto add_time = [&add](Seconds time) { add(std::bit_cast<std::uint64_t>(time.value)); };
  for (const auto& note : performance.notes) {
    add_time(note.start), add_time(note.end);
    add(static_cast<std::uint64_t>(note.pitch | note.velocity << 8 | note.channel << 16));
  }
  for (const auto& change : performance.controls)
    add_time(change.time), add(static_cast<std::uint64_t>(change.value | change.channel << 8));
  return hash;
}

/// extend_notes keeps the order of the notes that it keeps, and all of a note but its end.
std::vector<Seconds> silences(const music::Performance& performance) {
  const auto extended = music::extend_notes(performance);
  std::vector<Seconds> sounding_end(performance.notes.size(), ParsedPiece::kNeverSounds);
  std::size_t next = 0;
  for (std::size_t i = 0; i < sounding_end.size() && next < extended.size(); ++i) {
    music::Note note = performance.notes[i];
    note.end = extended[next].end;
    if (note == extended[next]) sounding_end[i] = extended[next++].end;
  }
  return sounding_end;
}

/// A complaint without the path that it begins with: a cache outlives the path by which its files were found.
std::string behind(const std::string& path, const std::string& complaint) {
  return complaint.starts_with(path) ? complaint.substr(path.size()) : ": " + complaint;
}

}  // namespace

ParsedPiece read_music(const std::filesystem::path& path) {
  ParsedPiece reading;
  try {
    reading.piece = read_piece(path);
    reading.sounding_end = silences(reading.piece.performance);
    reading.music = hash_of(reading.piece.performance);
  } catch (const std::exception& problem) {
    reading.problem = behind(path.string(), problem.what());
    reading.permanent = dynamic_cast<const std::system_error*>(&problem) == nullptr;
  }
  return reading;
}

music::Piece apply_pedal_mode(ParsedPiece reading, music::PedalMode mode) {
  music::Performance& played = reading.piece.performance;
  std::vector<music::ControlChange> pedal;
  if (mode == music::PedalMode::tokens) pedal = music::pedal_changes(played);
  if (mode == music::PedalMode::extend) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < played.notes.size(); ++i) {
      if (reading.sounding_end[i] == ParsedPiece::kNeverSounds) continue;
      played.notes[kept] = played.notes[i];
      played.notes[kept++].end = reading.sounding_end[i];
    }
    played.notes.resize(kept);
  }
  played = music::make_performance(std::move(played.notes), std::move(pedal));
  return std::move(reading.piece);
}

}  // namespace piano
