// SPDX-License-Identifier: MIT
// Pairing of note-ons with note-offs as on a piano, which has one hammer for each key: a key that is struck again ends
// its former note. It decides which note-ons have no note-off at all, and ends those notes by a rule. Only files with
// such notes need it: see extract() in notes.hpp. The rule is that of docs/06-midi-and-tokens.md.
#pragma once

#include <rondo/midi/diagnostic.hpp>
#include <rondo/midi/file.hpp>
#include <rondo/midi/note.hpp>
#include <rondo/midi/tempo_map.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace rondo::inline v0::midi {

/// No other note sounds or begins for this time: a silence, which ends a note without a note-off.
inline constexpr Seconds kSilence{0.5};
/// Maximum duration of a note without a note-off.
inline constexpr Seconds kLongestUnendedNote{5};

namespace detail {

inline constexpr std::uint8_t kPercussionChannel = 9;

/// The notes of a file, at most one at a time for each key (pitch, channel and track).
class OneNotePerKey {
 public:
  std::vector<Note<Ticks>> notes;    // by track, then by note-on
  std::size_t hanging_notes = 0;     // ended by the rule
  std::size_t restruck_notes = 0;    // ended by the next note-on of their key
  std::size_t orphan_note_offs = 0;  // without a note
  Diagnostics diagnostics;           // one for each hanging note

  explicit OneNotePerKey(const File& file) : file_(file) {
    const bool separate = file.format == Format::sequential;
    for (std::size_t k = 0; k < file.tracks.size(); ++k) {
      if (k == 0 || separate) map_ = TempoMap(file, k);
      pair_track(k);
      if (separate) finish_piece();
    }
    finish_piece();
  }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;

  struct Struck {
    Note<Ticks> note;
    std::uint32_t offset;      // of the note-on in the file
    bool has_off = false;      // note.end is that of its note-off
    std::size_t next = kNone;  // the next note of its key
  };

  struct Key {
    std::vector<std::size_t> struck;  // all notes
    std::vector<std::size_t> open;    // notes that wait for a note-off
    std::vector<Ticks> offs;          // times of the note-offs that have a note
    Seconds last{};                   // time of the last event
    bool is_up() const { return open.empty() || open.back() != struck.back(); }
  };

  /// Note-ons and note-offs are matched like brackets, which finds the note-ons that have no note-off. A former note
  /// waits for its note-off, which often comes shortly after the next note-on, while the key is played all the time.
  void pair_track(std::size_t index) {
    std::map<std::pair<int, int>, Key> keys;
    std::size_t hint = 0;
    for (const Event& event : file_.tracks[index].events) {
      if (event.kind() != Kind::note_on && event.kind() != Kind::note_off) continue;
      Key& key = keys[{event.channel(), event.data1}];
      const Seconds now = map_.seconds(event.time, hint);
      if (key.is_up() && now - key.last > kLongestUnendedNote) key.open.clear();
      key.last = now;
      if (event.is_note_on()) {
        if (!key.struck.empty()) piece_[key.struck.back()].next = piece_.size();
        key.struck.push_back(piece_.size());
        key.open.push_back(piece_.size());
        piece_.push_back(
            {{event.time, {}, event.data1, event.data2, event.channel(), static_cast<std::uint16_t>(index)},
             event.offset()});
      } else if (key.open.empty()) {
        ++orphan_note_offs;
      } else {
        piece_[key.open.back()].has_off = true;
        key.open.pop_back();
        key.offs.push_back(event.time);
      }
    }
    // The notes that have a note-off get these first in, first out.
    for (auto& [name, key] : keys) {
      auto off = key.offs.begin();
      for (const std::size_t i : key.struck)
        if (piece_[i].has_off) piece_[i].note.end = *off++;
    }
  }

  /// Ends the notes of tracks that are played together, and moves them to `notes`.
  void finish_piece() {
    find_music();
    find_pedal();
    for (const Struck& struck : piece_) {
      Note<Ticks> note = struck.note;
      const char* reason = nullptr;
      if (!struck.has_off) reason = end_by_rule(note);
      if (struck.next != kNone && piece_[struck.next].note.start < std::max(note.end, note.start + Ticks{1})) {
        // A key that is struck twice at one time sounds once.
        const Ticks next = piece_[struck.next].note.start;
        if (note.end > next || reason != nullptr) {
          ++restruck_notes;
          if (next == note.start) continue;
          note.end = next;
          reason = nullptr;
        }
      }
      if (reason != nullptr) {
        ++hanging_notes;
        const Seconds length = map_.seconds(note.end) - map_.seconds(note.start);
        diagnostics.add(struck.offset, note.track, "note ", note.pitch, " without a note-off, ended after ",
                        std::llround(1000 * length.value), " ms by ", reason);
      }
      notes.push_back(note);
    }
    piece_.clear();
  }

  /// Intervals in which notes sound or begin, merged over pauses that are shorter than a silence.
  void find_music() {
    music_.clear();
    std::size_t hint = 0;
    for (const Struck& struck : piece_) {
      if (struck.note.channel == kPercussionChannel) continue;
      const Seconds start = map_.seconds(struck.note.start, hint);
      music_.push_back({start, struck.has_off ? map_.seconds(struck.note.end) : start});
    }
    std::sort(music_.begin(), music_.end());
    std::size_t kept = 0;
    for (std::size_t i = 1; i < music_.size(); ++i) {
      if (music_[i].first - music_[kept].second < kSilence)
        music_[kept].second = std::max(music_[kept].second, music_[i].second);
      else
        music_[++kept] = music_[i];
    }
    music_.resize(std::min(music_.size(), kept + 1));
  }

  /// The positions of the sustain pedal of each channel over time.
  void find_pedal() {
    for (auto& channel : pedal_) channel.clear();
    for (std::size_t k = 0; k < file_.tracks.size(); ++k) {
      if (file_.format == Format::sequential && (piece_.empty() || k != piece_.front().note.track)) continue;
      std::size_t hint = 0;
      for (const Event& event : file_.tracks[k].events) {
        if (event.kind() != Kind::control_change || event.data1 != kSustainPedal) continue;
        pedal_[event.channel()].push_back({map_.seconds(event.time, hint), event.data2 >= kPedalDown});
      }
    }
    for (auto& channel : pedal_)
      std::stable_sort(channel.begin(), channel.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  }

  /// Sets the end of a note without a note-off; returns what ends it. The pedal counts if it is down shortly after the
  /// note-on: a pedal that is released before held the former chord.
  const char* end_by_rule(Note<Ticks>& note) const {
    const Seconds start = map_.seconds(note.start), earliest = start + kSilence, latest = start + kLongestUnendedNote;
    const Ticks last = file_.tracks[note.track].end;
    Seconds end = latest;
    const char* reason = "the limit of 5 s";
    const auto& pedal = pedal_[note.channel];
    auto change = std::upper_bound(pedal.begin(), pedal.end(), earliest,
                                   [](Seconds time, const auto& other) { return time < other.first; });
    if (change != pedal.begin() && std::prev(change)->second) {
      while (change != pedal.end() && change->second) ++change;
      if (change != pedal.end() && change->first < latest) end = change->first, reason = "the release of the pedal";
    } else {
      const auto after = std::upper_bound(music_.begin(), music_.end(), start,
                                          [](Seconds time, const auto& other) { return time < other.first; });
      const Seconds silence = after == music_.begin() ? start : std::prev(after)->second;
      if (std::max(silence, earliest) < latest) end = std::max(silence, earliest), reason = "a silence";
    }
    note.end = std::max(note.start, map_.ticks(end));
    if (note.end < last) return reason;
    note.end = last;
    return "the end of its track";
  }

  const File& file_;
  TempoMap map_{File{}};
  std::vector<Struck> piece_;                       // notes of the tracks that are played together
  std::vector<std::pair<Seconds, Seconds>> music_;  // in order, at least a silence apart
  std::array<std::vector<std::pair<Seconds, bool>>, 16> pedal_;
};

}  // namespace detail
}  // namespace rondo::inline v0::midi
