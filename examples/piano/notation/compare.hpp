// SPDX-License-Identifier: MIT
// Compares a score with a reference, a MIDI rendering of the same piece from another source, note for note: onset,
// pitch, duration. Known differences are logged in the score's N: lines, by bar and number, so that new ones can be
// detected.
#pragma once

#include <rondo/midi/note.hpp>
#include <rondo/midi/time.hpp>
#include "piano/music_names.hpp"
#include "piano/notation/abc_fields.hpp"
#include "piano/notation/score.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace piano {

struct ScoreDifference {
  int bar = 0;                        // number of the bar in our score
  Rational onset;                     // quarter notes from the beginning
  int pitch = 0;                      // MIDI key
  std::optional<Rational> ours;       // duration in quarter notes; none: only the reference has the note
  std::optional<Rational> reference;  // none: only our score has it
};

/// The N: lines `reference name.midi`, then, after commas, any of `opening` (the reference continues where our score
/// ends), `without repeats`, `transposed 2` (the reference is two semitones above our score; -2: below); and any number
/// of `exception bar 8: 2 differences, ...reason...`.
struct LoggedReference {
  std::string file;
  bool opening = false;
  bool without_repeats = false;
  int transposed = 0;                     // semitones from our key up to the reference's, -24..24
  std::map<int, std::size_t> exceptions;  // bar number -> number of known differences
};

/// The reference that a score's remarks name, or nothing. Throws std::runtime_error if the reference is followed by
/// other words than those above.
std::optional<LoggedReference> logged_reference(const Score& score);

/// The differences, by onset and pitch, in our key. Onsets agree within 1/64 of a quarter note, durations within 1/16:
/// engraving programs round both. Of `log`, `opening` (notes of the reference after our last bar are ignored) and
/// `transposed` are used; for `without_repeats` the caller parses the score accordingly.
std::vector<ScoreDifference> compare(const Score& score, const std::vector<midi::Note<midi::Ticks>>& reference,
                                     int ticks_per_quarter, const LoggedReference& log = {});

/// The bars whose number of differences is not the logged one, with both numbers: {found, logged}.
inline std::map<int, std::pair<std::size_t, std::size_t>> unexpected(const std::vector<ScoreDifference>& differences,
                                                                     const LoggedReference& log) {
  std::map<int, std::pair<std::size_t, std::size_t>> bars;
  for (const ScoreDifference& difference : differences) ++bars[difference.bar].first;
  for (const auto& [bar, count] : log.exceptions) bars[bar].second = count;
  std::erase_if(bars, [](const auto& bar) { return bar.second.first == bar.second.second; });
  return bars;
}

namespace detail {

// `a.mid, opening, transposed -2`
inline LoggedReference parse_reference(std::string_view remark) {
  LoggedReference log;
  auto comma = remark.find(',');
  log.file = trim(remark.substr(0, comma));
  while (comma != remark.npos) {
    remark.remove_prefix(comma + 1);
    comma = remark.find(',');
    const std::string_view option = trim(remark.substr(0, comma));
    constexpr std::string_view transposed = "transposed ";
    if (option == "opening") {
      log.opening = true;
    } else if (option == "without repeats") {
      log.without_repeats = true;
    } else {
      std::string_view number = option.starts_with(transposed) ? option.substr(transposed.size()) : "";
      const int sign = number.starts_with('-') ? -1 : 1;
      if (sign < 0) number.remove_prefix(1);
      const auto semitones = parse_count(number);
      if (!semitones || *semitones > 24)
        throw std::runtime_error("N:reference " + log.file + ": '" + std::string(option) +
                                 "' is none of opening, without repeats, transposed N (N from -24 to 24, not 0)");
      log.transposed = sign * *semitones;
    }
  }
  return log;
}

}  // namespace detail

inline std::optional<LoggedReference> logged_reference(const Score& score) {
  std::optional<LoggedReference> log;
  for (std::string_view remark : score.remarks) {
    constexpr std::string_view reference = "reference ", exception = "exception bar ";
    if (remark.starts_with(reference)) {
      remark.remove_prefix(reference.size());
      log = detail::parse_reference(remark);
    } else if (remark.starts_with(exception) && log) {
      remark.remove_prefix(exception.size());
      const auto colon = std::min(remark.find(':'), remark.size());
      const std::string_view rest = trim(remark.substr(std::min(colon + 1, remark.size())));
      const auto bar = parse_count(remark.substr(0, colon)), count = parse_count(rest.substr(0, rest.find(' ')));
      if (bar && count) log->exceptions[*bar] = static_cast<std::size_t>(*count);
    }
  }
  return log;
}

inline std::vector<ScoreDifference> compare(const Score& score, const std::vector<midi::Note<midi::Ticks>>& reference,
                                            int ticks_per_quarter, const LoggedReference& log) {
  const Rational onset_tolerance(1, 64), duration_tolerance(1, 16);
  const auto distance = [](Rational a, Rational b) { return a < b ? b - a : a - b; };
  struct Played {
    Rational onset, duration;
    bool matched = false;
  };
  std::map<int, std::vector<Played>> reference_notes;  // by pitch
  for (const auto& note : reference) {
    const Rational onset(note.start.value, ticks_per_quarter);
    if (log.opening && onset + onset_tolerance >= score.length()) continue;
    reference_notes[note.pitch - log.transposed].push_back({onset, {(note.end - note.start).value, ticks_per_quarter}});
  }

  std::vector<ScoreDifference> differences;
  for (const ScoreNote& note : score.notes) {
    Played* best = nullptr;
    for (Played& candidate : reference_notes[note.pitch]) {
      if (candidate.matched || distance(candidate.onset, note.onset) > onset_tolerance) continue;
      if (!best || distance(candidate.duration, note.duration) < distance(best->duration, note.duration))
        best = &candidate;
    }
    if (best) best->matched = true;
    if (best && distance(best->duration, note.duration) <= duration_tolerance) continue;
    differences.push_back({score.bars[note.bar].number, note.onset, note.pitch, note.duration,
                           best ? std::optional(best->duration) : std::nullopt});
  }
  for (const auto& [pitch, list] : reference_notes) {
    for (const Played& candidate : list) {
      if (candidate.matched) continue;
      int bar = score.bars.empty() ? 0 : score.bars.front().number;
      for (const Bar& b : score.bars)
        if (b.onset <= candidate.onset + onset_tolerance) bar = b.number;
      differences.push_back({bar, candidate.onset, pitch, std::nullopt, candidate.duration});
    }
  }
  std::sort(differences.begin(), differences.end(), [](const ScoreDifference& a, const ScoreDifference& b) {
    return a.onset != b.onset ? a.onset < b.onset : a.pitch < b.pitch;
  });
  return differences;
}

}  // namespace piano
