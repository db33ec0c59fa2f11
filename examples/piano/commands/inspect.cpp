// SPDX-License-Identifier: MIT
#include "piano/commands/inspect.hpp"
#include "piano/commands/shared_options.hpp"

#include <rondo/midi/notes.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/midi/summary.hpp>
#include <rondo/midi/writer.hpp>
#include <rondo/music/pedal.hpp>
#include <rondo/music/tokens.hpp>

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace piano {
namespace {

using nlohmann::json;
namespace midi = rondo::midi;
namespace music = rondo::music;

constexpr int kDrumChannel = 9;

struct InspectOptions {
  std::vector<std::string> files;
  std::string write, pedal = "extend";
  bool as_json = false;
  bool notes = false;
  bool ticks = false;
  bool strict = false;
};

struct Inspection {
  std::string path;
  std::string error;  // empty if the file was read and, with --write, written
  midi::ReadResult read;
  std::vector<midi::Diagnostic> diagnostics;  // of the reader, then of the notes
  std::vector<midi::TrackSummary> tracks;
  midi::Performance<midi::Ticks> in_ticks;
  midi::Performance<midi::Seconds> in_seconds;
  std::optional<std::size_t> tokens;  // none: the file is too long to be encoded
};

/// The number of tokens that training with this pedal mode would encode the file as, without drums.
std::optional<std::size_t> count_tokens(midi::Performance<midi::Seconds> performance, music::PedalMode pedal) {
  if (performance.duration.value > music::kLongestPerformance) return std::nullopt;
  std::erase_if(performance.notes, [](const auto& note) { return note.channel == kDrumChannel; });
  return music::encode(music::apply_pedal(performance, pedal), music::LeadIn::drop).size();
}

Inspection inspect(const std::string& path, const InspectOptions& options) {
  Inspection found;
  found.path = path;
  try {
    found.read = midi::read_file(path);
    for (const midi::Track& track : found.read.file.tracks) found.tracks.push_back(midi::summarize(track));
    const auto pairing = options.strict ? midi::NotePairing::first_in_first_out : midi::NotePairing::one_note_per_key;
    found.in_ticks = midi::extract<midi::Ticks>(found.read.file, pairing);
    found.in_seconds = midi::extract<midi::Seconds>(found.read.file, pairing);
    found.diagnostics = std::move(found.read.diagnostics);
    found.diagnostics.insert(found.diagnostics.end(), found.in_ticks.diagnostics.begin(),
                             found.in_ticks.diagnostics.end());
    found.tokens = count_tokens(found.in_seconds, music::pedal_mode(options.pedal));
    if (!options.write.empty()) midi::write_file(options.write, found.read.file);
  } catch (const std::exception& e) {
    found.error = e.what();
  }
  return found;
}

std::size_t pedal_events(const Inspection& found) {
  std::size_t count = 0;
  for (const midi::TrackSummary& track : found.tracks) count += track.pedal_events;
  return count;
}

// ---- JSON output

json division_json(const midi::Division& division) {
  if (!division.is_smpte()) return division.ticks_per_quarter;
  return {{"frames_per_second", division.frames_per_second}, {"ticks_per_frame", division.ticks_per_frame}};
}

template <class Time>
json notes_json(const midi::Performance<Time>& performance) {
  json list = json::array();
  for (const auto& n : performance.notes) {
    list.push_back({n.start.value, n.end.value, n.pitch, n.velocity, n.track, n.channel});
  }
  return list;
}

template <class Time>
json pedals_json(const midi::Performance<Time>& performance) {
  json list = json::array();
  for (const auto& p : midi::pedal_spans(performance)) {
    list.push_back({p.start.value, p.end.value, p.track, p.channel});
  }
  return list;
}

json to_json(const Inspection& found, const InspectOptions& options) {
  json out{{"path", found.path}, {"ok", found.error.empty()}, {"error", nullptr}, {"diagnostics", json::array()}};
  if (!found.error.empty()) {
    out["error"] = found.error;
    return out;
  }
  for (const midi::Diagnostic& d : found.diagnostics) {
    out["diagnostics"].push_back({{"offset", d.offset}, {"track", d.track}, {"message", d.message}});
  }
  out["format"] = static_cast<int>(found.read.file.format);
  out["division"] = division_json(found.read.file.division);
  out["tracks"] = found.tracks.size();
  out["seconds"] = found.in_seconds.duration.value;
  out["notes"] = found.in_ticks.notes.size();
  out["pedal_events"] = pedal_events(found);
  out["tokens"] = found.tokens ? json(*found.tokens) : json(nullptr);
  out["hanging_notes"] = found.in_ticks.hanging_notes;
  out["restruck_notes"] = found.in_ticks.restruck_notes;
  out["orphan_note_offs"] = found.in_ticks.orphan_note_offs;
  for (const midi::TrackSummary& track : found.tracks) {
    out["track_list"].push_back({{"name", track.name},
                                 {"events", track.events},
                                 {"notes", track.notes},
                                 {"controls", track.controls},
                                 {"pedal_events", track.pedal_events}});
  }
  if (options.notes) {
    out["note_count"] = found.in_ticks.notes.size();
    out["notes"] = options.ticks ? notes_json(found.in_ticks) : notes_json(found.in_seconds);
    out["pedals"] = options.ticks ? pedals_json(found.in_ticks) : pedals_json(found.in_seconds);
  }
  return out;
}

// ---- text output

/// Replaces control characters, as names from files are printed to a terminal.
std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = '.';
  }
  return text;
}

void print_tracks(const Inspection& found) {
  std::printf("  track  events   notes   pedal  pitches  name\n");
  for (std::size_t k = 0; k < found.tracks.size(); ++k) {
    const midi::TrackSummary& track = found.tracks[k];
    const std::string pitches =
        track.notes == 0 ? "-" : std::to_string(track.lowest_pitch) + "-" + std::to_string(track.highest_pitch);
    std::printf("  %5zu %7zu %7zu %7zu %8s  %s\n", k, track.events, track.notes, track.pedal_events, pitches.c_str(),
                printable(track.name).c_str());
  }
}

template <class Time>
void print_notes(const midi::Performance<Time>& performance, const char* unit, int decimals) {
  std::printf("  start [%s]   end [%s]  pitch  velocity  track  channel\n", unit, unit);
  for (const auto& n : performance.notes) {
    std::printf("  %9.*f  %9.*f  %5d  %8d  %5d  %7d\n", decimals, static_cast<double>(n.start.value), decimals,
                static_cast<double>(n.end.value), n.pitch, n.velocity, n.track, n.channel);
  }
}

void print(const Inspection& found, const InspectOptions& options) {
  if (!found.error.empty()) return;
  const midi::File& file = found.read.file;
  std::printf("%s\n", printable(found.path).c_str());
  std::printf("  format %d, ", static_cast<int>(file.format));
  if (file.division.is_smpte()) {
    std::printf("%d ticks per frame at %d frames per second", file.division.ticks_per_frame,
                file.division.frames_per_second);
  } else {
    std::printf("%d ticks per quarter note", file.division.ticks_per_quarter);
  }
  std::printf(", %.3f s\n", found.in_seconds.duration.value);
  std::printf("  %zu notes, %zu pedal events, %zu other controllers, %zu pitch bends\n", found.in_ticks.notes.size(),
              pedal_events(found), found.in_ticks.controls.size() - pedal_events(found),
              found.in_ticks.pitch_bends.size());
  if (found.tokens) {
    std::printf("  %zu tokens with --pedal %s\n", *found.tokens, options.pedal.c_str());
  } else {
    std::printf("  no tokens: longer than %.0f s\n", music::kLongestPerformance);
  }
  if (found.in_ticks.hanging_notes != 0) {
    std::printf("  %zu notes without a note-off; %s\n", found.in_ticks.hanging_notes,
                options.strict ? "they last to the end of their track" : "each ended by a rule, see below");
  }
  if (found.in_ticks.restruck_notes != 0) {
    std::printf("  %zu notes end because their key is struck again\n", found.in_ticks.restruck_notes);
  }
  if (found.in_ticks.orphan_note_offs != 0) {
    std::printf("  %zu note-offs without a note-on were ignored\n", found.in_ticks.orphan_note_offs);
  }
  print_tracks(found);
  for (const midi::Diagnostic& d : found.diagnostics) {
    std::printf("  at byte %zu", d.offset);
    if (d.track >= 0) std::printf(", track %d", d.track);
    std::printf(": %s\n", printable(d.message).c_str());
  }
  if (options.notes && options.ticks) print_notes(found.in_ticks, "ticks", 0);
  if (options.notes && !options.ticks) print_notes(found.in_seconds, "s", 4);
}

void run(const InspectOptions& options) {
  if (!options.write.empty() && options.files.size() != 1) {
    throw CLI::ValidationError("--write", "wants exactly one FILE");
  }
  bool ok = true;
  json files = json::array();
  for (const std::string& path : options.files) {
    const Inspection found = inspect(path, options);
    if (!found.error.empty()) {
      std::fprintf(stderr, "piano inspect: %s\n", printable(found.error).c_str());
      ok = false;
    }
    if (options.as_json) {
      files.push_back(to_json(found, options));
    } else {
      print(found, options);
    }
  }
  if (options.as_json) {
    // Names of tracks and files have any encoding; bytes that are not UTF-8 are replaced.
    const std::string text = json{{"files", std::move(files)}}.dump(-1, ' ', false, json::error_handler_t::replace);
    std::printf("%s\n", text.c_str());
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    std::fprintf(stderr, "piano inspect: cannot write the output: %s\n", std::strerror(errno));
    ok = false;
  }
  if (!ok) throw CLI::RuntimeError(1);
}

}  // namespace

void add_inspect(CLI::App& piano) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = piano.add_subcommand("inspect", "Show the contents and errors of MIDI files.");
  command->option_defaults()->always_capture_default();
  command->add_option("FILE", options->files, "MIDI files")->required();
  command->add_flag("--json", options->as_json, "print one JSON object on stdout; times in seconds");
  command->add_flag("--notes", options->notes, "list every note: start, end, pitch, velocity, track, channel");
  command->add_flag("--ticks", options->ticks,
                    "times of the listed notes and pedals in ticks of the file instead of seconds");
  command->add_flag(
      "--strict", options->strict,
      "pair note-ons and note-offs first in, first out; a note without a note-off lasts to the end of its "
      "track (default: a key that is struck again ends its note, and a rule ends notes without a note-off)");
  add_pedal_option(*command, options->pedal);
  command->add_option("--write", options->write, "write the one FILE, repaired, to this MIDI file")
      ->type_name("OUT.mid");
  command->callback([options] { run(*options); });
}

}  // namespace piano
