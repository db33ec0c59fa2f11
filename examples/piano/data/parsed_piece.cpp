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

/// The ends of the extended notes. Relies on extend_notes: it may drop notes, but keeps their order and changes only
/// ends.
std::vector<Seconds> sounding_ends(const music::Performance& performance) {
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

/// The message without the path at its beginning: cached messages are used for other paths to the same file, too.
std::string without_path(const std::string& path, const std::string& message) {
  return message.starts_with(path) ? message.substr(path.size()) : ": " + message;
}

}  // namespace

ParsedPiece read_music(const std::filesystem::path& path) {
  ParsedPiece parsed;
  try {
    parsed.piece = read_piece(path);
    parsed.sounding_end = sounding_ends(parsed.piece.performance);
    parsed.music = hash_of(parsed.piece.performance);
  } catch (const std::exception& problem) {
    parsed.problem = without_path(path.string(), problem.what());
    parsed.permanent = dynamic_cast<const std::system_error*>(&problem) == nullptr;
  }
  return parsed;
}

music::Piece apply_pedal_mode(ParsedPiece parsed, music::PedalMode mode) {
  music::Performance& played = parsed.piece.performance;
  std::vector<music::ControlChange> pedal;
  if (mode == music::PedalMode::tokens) pedal = music::pedal_changes(played);
  if (mode == music::PedalMode::extend) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < played.notes.size(); ++i) {
      if (parsed.sounding_end[i] == ParsedPiece::kNeverSounds) continue;
      played.notes[kept] = played.notes[i];
      played.notes[kept++].end = parsed.sounding_end[i];
    }
    played.notes.resize(kept);
  }
  played = music::make_performance(std::move(played.notes), std::move(pedal));
  return std::move(parsed.piece);
}

}  // namespace piano
