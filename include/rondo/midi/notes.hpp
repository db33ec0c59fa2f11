// SPDX-License-Identifier: MIT
// From events to notes, controllers and pitch bends, in ticks or in seconds.
//
// A key is a pitch on a channel of a track. On a piano a key has one note at a time: striking it again ends its former
// note, and a note without a note-off is ended by a rule (one_note_per_key.hpp). The strict form pairs every note-on
// with a note-off, first in, first out; a note without a note-off lasts to the end of its track. In both forms a
// note-off without a note is ignored, and a note may have length zero.
#pragma once

#include <rondo/midi/diagnostic.hpp>
#include <rondo/midi/file.hpp>
#include <rondo/midi/note.hpp>
#include <rondo/midi/one_note_per_key.hpp>
#include <rondo/midi/tempo_map.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace rondo::inline v0::midi {

/// How note-ons and note-offs become notes.
enum class NotePairing : std::uint8_t {
  one_note_per_key,    ///< as on a piano: see docs/06-midi-and-tokens.md
  first_in_first_out,  ///< strict: a note-off ends the oldest active note of its key; a note may last to the track's
                       ///< end
};

/// Notes, controllers and bends of a file, in order of time. Notes with one start are in order of pitch, then of end.
/// Time is Ticks or Seconds.
template <class Time>
struct Performance {
  std::vector<Note<Time>> notes;              ///< all notes
  std::vector<ControlChange<Time>> controls;  ///< of every controller; at one time in the order of their tracks
  std::vector<PitchBend<Time>> pitch_bends;   ///< all pitch bends
  Time duration{};                            ///< end of the longest track
  std::size_t hanging_notes = 0;              ///< number of notes that neither a note-off nor their key ends
  std::size_t restruck_notes = 0;             ///< number of notes that the next note-on of their key ends
  std::size_t orphan_note_offs = 0;           ///< number of note-offs without a note
  std::vector<Diagnostic> diagnostics;        ///< what ended each hanging note; empty with first_in_first_out

  friend bool operator==(const Performance&, const Performance&) = default;
};

/// Notes, controllers and bends of a file in ticks or seconds: `extract<Ticks>(file)`, `extract<Seconds>(file)`. In
/// format 2 every track is a separate piece that starts at 0; distinguish them by `track`. Of several note-ons of one
/// key at one time, one_note_per_key keeps the last.
template <class Time>
Performance<Time> extract(const File& file, NotePairing pairing = NotePairing::one_note_per_key);

/// Intervals from a sustain-pedal value (CC64) of 64 or more to the next value below 64 on the same channel of the same
/// track, in order of start. A pedal that stays down ends at `performance.duration`.
template <class Time>
std::vector<PedalSpan<Time>> pedal_spans(const Performance<Time>& performance);

namespace detail {

/// Converts the ticks of a track to Time; in constant time if they are in order.
template <class Time>
class Clock {
 public:
  explicit Clock(const TempoMap& map) : map_(map) {}
  Time operator()(Ticks ticks) {
    if constexpr (std::is_same_v<Time, Ticks>) {
      return ticks;
    } else {
      return map_.seconds(ticks, hint_);
    }
  }

 private:
  const TempoMap& map_;
  std::size_t hint_ = 0;
};

/// Active notes by key (channel and pitch), the oldest first: lists linked through the indices of notes.
class SoundingNotes {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  SoundingNotes() { oldest_.fill(kNone); }

  bool is_active(std::size_t key) const { return oldest_[key] != kNone; }

  void reserve(std::size_t notes) { next_.reserve(notes); }

  static constexpr std::size_t key(const Event& event) { return event.channel() * std::size_t{128} + event.data1; }

  /// Notes are pushed in order of their index, each once.
  void push(std::size_t key, std::size_t note) {
    next_.push_back(kNone);
    const auto index = static_cast<std::uint32_t>(note);
    (oldest_[key] == kNone ? oldest_[key] : next_[newest_[key]]) = index;
    newest_[key] = index;
    ++count_;
  }

  /// Removes and returns the oldest note of a key; kNone if it has none.
  std::uint32_t pop(std::size_t key) {
    const std::uint32_t note = oldest_[key];
    if (note == kNone) return kNone;
    oldest_[key] = next_[note];
    --count_;
    return note;
  }

  /// Removes all notes.
  template <class Visit>
  void drain(Visit visit) {
    for (std::size_t key = 0; count_ != 0; ++key) {
      for (std::uint32_t note = pop(key); note != kNone; note = pop(key)) visit(note);
    }
  }

 private:
  std::array<std::uint32_t, 16 * 128> oldest_;
  std::array<std::uint32_t, 16 * 128> newest_{};  // unspecified for a key without notes
  std::vector<std::uint32_t> next_;               // of each note, the next note of its key
  std::size_t count_ = 0;
};

template <class Time>
bool note_order(const Note<Time>& a, const Note<Time>& b) {
  return std::tie(a.start, a.pitch, a.end, a.velocity, a.channel, a.track) <
         std::tie(b.start, b.pitch, b.end, b.velocity, b.channel, b.track);
}

/// Merges sorted runs, which start at the indices `starts`, into one. Stable.
template <class T, class Less>
void merge_runs(std::vector<T>& list, std::vector<std::size_t> starts, Less less) {
  const auto at = [&](std::size_t k) {
    return list.begin() + static_cast<std::ptrdiff_t>(k < starts.size() ? starts[k] : list.size());
  };
  for (std::size_t width = 1; width < starts.size(); width *= 2) {
    for (std::size_t k = 0; k + width < starts.size(); k += 2 * width) {
      if (at(k) != at(k + width)) std::inplace_merge(at(k), at(k + width), at(k + 2 * width), less);
    }
  }
}

template <class Time>
class Extractor {
 public:
  Extractor(const File& file, NotePairing pairing) : file_(file), pairing_(pairing) {}

  Performance<Time> extract() {
    reserve();
    TempoMap map(file_, 0);
    for (std::size_t k = 0; k < file_.tracks.size(); ++k) {
      if (k > 0 && file_.format == Format::sequential) map = TempoMap(file_, k);
      note_starts_.push_back(result_.notes.size());
      control_starts_.push_back(result_.controls.size());
      bend_starts_.push_back(result_.pitch_bends.size());
      extract_track(file_.tracks[k], static_cast<std::uint16_t>(k), map);
    }
    // The pairings differ only if a key was struck again or never released.
    if (pairing_ == NotePairing::one_note_per_key && (struck_again_ || result_.hanging_notes != 0)) pair_by_key();
    const auto by_time = [](const auto& a, const auto& b) { return a.time < b.time; };
    merge_runs(result_.notes, std::move(note_starts_), note_order<Time>);
    merge_runs(result_.controls, std::move(control_starts_), by_time);
    merge_runs(result_.pitch_bends, std::move(bend_starts_), by_time);
    return std::move(result_);
  }

 private:
  // Counting first is faster than growing the lists, which would spend most of the time on new memory.
  void reserve() {
    std::size_t notes = 0;
    std::size_t controls = 0;
    for (const Track& track : file_.tracks) {
      for (const Event& event : track.events) {
        notes += event.is_note_on();
        controls += event.kind() == Kind::control_change;
      }
    }
    result_.notes.reserve(notes);
    result_.controls.reserve(controls);
    sounding_.reserve(notes);
  }

  /// Replaces all notes.
  void pair_by_key() {
    OneNotePerKey pairs(file_);
    result_.hanging_notes = pairs.hanging_notes;
    result_.restruck_notes = pairs.restruck_notes;
    result_.orphan_note_offs = pairs.orphan_note_offs;
    result_.diagnostics = std::move(pairs.diagnostics).take();
    result_.notes.clear();
    note_starts_.clear();
    TempoMap map(file_, 0);
    auto note = pairs.notes.begin();
    for (std::size_t k = 0; k < file_.tracks.size(); ++k) {
      if (k > 0 && file_.format == Format::sequential) map = TempoMap(file_, k);
      note_starts_.push_back(result_.notes.size());
      Clock<Time> start(map), end(map);
      for (; note != pairs.notes.end() && note->track == k; ++note)
        result_.notes.push_back(
            {start(note->start), end(note->end), note->pitch, note->velocity, note->channel, note->track});
      sort_chords(note_starts_.back());
    }
  }

  void extract_track(const Track& track, std::uint16_t index, const TempoMap& map) {
    Clock<Time> time(map);
    std::vector<Note<Time>>& notes = result_.notes;
    const std::size_t first = notes.size();
    for (const Event& event : track.events) {
      switch (event.kind()) {
        case Kind::note_on:
        case Kind::note_off: {
          const std::size_t key = SoundingNotes::key(event);
          if (event.is_note_on()) {
            struck_again_ |= sounding_.is_active(key);
            sounding_.push(key, notes.size());
            notes.push_back({time(event.time), {}, event.data1, event.data2, event.channel(), index});
          } else if (const auto note = sounding_.pop(key); note != SoundingNotes::kNone) {
            notes[note].end = time(event.time);
          } else {
            ++result_.orphan_note_offs;
          }
          break;
        }
        case Kind::control_change:
          result_.controls.push_back({time(event.time), event.data1, event.data2, event.channel(), index});
          break;
        case Kind::pitch_bend:
          result_.pitch_bends.push_back(
              {time(event.time), static_cast<std::int16_t>(event.bend()), event.channel(), index});
          break;
        default:
          break;
      }
    }
    const Time end = time(track.end);
    result_.duration = std::max(result_.duration, end);
    sounding_.drain([&](std::uint32_t note) {
      notes[note].end = end;
      ++result_.hanging_notes;
    });
    sort_chords(first);
  }

  // Notes of a track are in order of start; only notes with one start need sorting.
  void sort_chords(std::size_t first) {
    const auto end = result_.notes.end();
    for (auto chord = result_.notes.begin() + static_cast<std::ptrdiff_t>(first); chord != end;) {
      const auto next = std::find_if(chord + 1, end, [&](const Note<Time>& n) { return n.start != chord->start; });
      if (next - chord > 1) std::sort(chord, next, note_order<Time>);
      chord = next;
    }
  }

  const File& file_;
  NotePairing pairing_;
  Performance<Time> result_;
  bool struck_again_ = false;  // a note-on of a key with an active note
  SoundingNotes sounding_;     // empty between tracks
  std::vector<std::size_t> note_starts_, control_starts_, bend_starts_;
};

}  // namespace detail

template <class Time>
Performance<Time> extract(const File& file, NotePairing pairing) {
  return detail::Extractor<Time>(file, pairing).extract();
}

template <class Time>
std::vector<PedalSpan<Time>> pedal_spans(const Performance<Time>& performance) {
  std::vector<PedalSpan<Time>> spans;
  std::map<std::pair<std::uint16_t, std::uint8_t>, std::size_t> down;  // track and channel -> its span
  for (const ControlChange<Time>& change : performance.controls) {
    if (change.controller != kSustainPedal) continue;
    const std::pair pedal(change.track, change.channel);
    const auto held = down.find(pedal);
    if (change.value >= kPedalDown && held == down.end()) {
      down.emplace(pedal, spans.size());
      spans.push_back({change.time, performance.duration, change.channel, change.track});
    } else if (change.value < kPedalDown && held != down.end()) {
      spans[held->second].end = change.time;
      down.erase(held);
    }
  }
  return spans;
}

}  // namespace rondo::inline v0::midi
