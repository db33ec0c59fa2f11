// SPDX-License-Identifier: MIT
// Performances to tokens and back. Absolute times are rounded to a 10 ms grid, not differences, so the error of every
// note is at most 5 ms. See docs/06-midi-and-tokens.md.
#pragma once

#include <rondo/music/performance.hpp>
#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace rondo::inline v0::music {

/// How `encode` treats the time before the first event.
enum class LeadIn : std::uint8_t {
  keep,  ///< time shifts before the first event
  drop   ///< the first event is at time 0
};

inline constexpr double kLongestPerformance = 1e6;  ///< maximum length in seconds
inline constexpr midi::Seconds kHangingNote{5.0};   ///< length of a decoded note without a note-off

/// Nearest 10 ms step to a time, halves rounded up; negative times are step 0. Throws std::invalid_argument for NaN and
/// for times above kLongestPerformance, which bounds the number of tokens.
inline std::int64_t to_step(midi::Seconds time) {
  if (!(time.value <= kLongestPerformance))
    throw std::invalid_argument("encode: an event at " + std::to_string(time.value) + " s, past the limit of " +
                                std::to_string(kLongestPerformance) + " s");
  return static_cast<std::int64_t>(std::floor(std::max(0.0, time.value) * kStepsPerSecond + 0.5));
}

/// Time of a step in seconds.
constexpr midi::Seconds to_seconds(std::int64_t step) { return {static_cast<double>(step) / kStepsPerSecond}; }

/// Tokens of a performance. The order within a step is note-offs, pedal up, pedal down, note-ons; notes in order of
/// pitch. A velocity token is written before the first note and when its bin changes. A note that rounds to length zero
/// lasts one step. Pedal events (CC64) without effect are omitted. Channels and tracks are not encoded. Throws
/// std::invalid_argument as to_step().
inline std::vector<Token> encode(const Performance& performance, LeadIn lead_in = LeadIn::keep) {
  enum Rank : std::int8_t { key_up, pedal_up, pedal_down, key_down };  // the order at one step
  struct Moment {
    std::int64_t step;
    Rank rank;
    std::uint8_t pitch, bin;
    auto order() const { return std::tie(step, rank, pitch, bin); }
  };
  std::vector<Moment> moments;
  moments.reserve(2 * performance.notes.size() + performance.controls.size());
  for (const auto& note : performance.notes) {
    const std::int64_t start = to_step(note.start), end = std::max(start + 1, to_step(note.end));
    const auto pitch = static_cast<std::uint8_t>(note.pitch & 127);
    moments.push_back({start, key_down, pitch, static_cast<std::uint8_t>(velocity_bin(note.velocity))});
    moments.push_back({end, key_up, pitch, 0});
  }

  auto pedal_moves = performance.controls;
  std::erase_if(pedal_moves, std::not_fn(is_pedal));
  std::stable_sort(pedal_moves.begin(), pedal_moves.end(), [](auto& a, auto& b) { return a.time < b.time; });
  bool down = false;
  for (std::size_t i = 0; i < pedal_moves.size();) {
    // Within a step only two facts matter: the final pedal position, and whether a pedal that was down came up between.
    const std::int64_t step = to_step(pedal_moves[i].time);
    bool now = down, lifted = false;
    for (; i < pedal_moves.size() && to_step(pedal_moves[i].time) == step; ++i) {
      now = is_down(pedal_moves[i]);
      lifted = lifted || !now;
    }
    if (down && lifted) moments.push_back({step, pedal_up, 0, 0});
    if (now && (!down || lifted)) moments.push_back({step, pedal_down, 0, 0});
    down = now;
  }
  std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) { return a.order() < b.order(); });

  std::vector<Token> tokens;
  tokens.reserve(2 * moments.size());
  std::int64_t now = lead_in == LeadIn::drop && !moments.empty() ? moments.front().step : 0;
  int bin = -1;
  for (const Moment& moment : moments) {
    for (; moment.step - now > kMaxShift; now += kMaxShift) tokens.push_back(time_shift(kMaxShift));
    if (moment.step > now) tokens.push_back(time_shift(static_cast<int>(moment.step - now)));
    now = moment.step;
    if (moment.rank == key_down && moment.bin != bin) tokens.push_back(velocity(bin = moment.bin));
    tokens.push_back(moment.rank == key_up     ? note_off(moment.pitch)
                     : moment.rank == key_down ? note_on(moment.pitch)
                                               : pedal(moment.rank == pedal_down));
  }
  return tokens;
}

/// Tokens of notes without pedal.
inline std::vector<Token> encode(std::span<const Note> notes, LeadIn lead_in = LeadIn::keep) {
  return encode(make_performance({notes.begin(), notes.end()}), lead_in);
}

/// The performance of any sequence of tokens, notes in order of onset. Note-ons and note-offs of one pitch are paired
/// first in, first out; note-offs without a note and notes of length zero are ignored; a note without a note-off lasts
/// 5 s, or to the end of the tokens if that is earlier. Before the first velocity token notes have velocity 62. Throws
/// std::out_of_range for a number that is not a token.
inline Performance decode(std::span<const Token> tokens) {
  struct Open {
    std::int64_t start;
    std::size_t order;  ///< among all note-ons
    int bin;
  };
  struct Closed {
    std::size_t order;
    Note note;
  };
  std::array<std::vector<Open>, kPitches> open;
  std::array<std::size_t, kPitches> first{};  // of `open`, not ended yet
  std::vector<Closed> closed;
  Performance performance;
  std::int64_t now = 0;
  std::size_t order = 0;
  int bin = velocity_bin(64);

  const auto close = [&](int pitch, const Open& note, midi::Seconds end) {
    if (to_seconds(note.start) < end)
      closed.push_back({note.order,
                        {.start = to_seconds(note.start),
                         .end = end,
                         .pitch = static_cast<std::uint8_t>(pitch),
                         .velocity = bin_velocity(note.bin)}});
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!is_token(tokens[i]))
      throw std::out_of_range("decode: token " + std::to_string(i) + " is " + std::to_string(tokens[i]) +
                              ", this vocabulary has 0.." + std::to_string(kVocabularyWithPedal - 1));
    const auto [kind, value] = event_of(tokens[i]);
    const auto pitch = static_cast<std::size_t>(value);  // of notes
    switch (kind) {
      case EventKind::time_shift:
        now += value;
        break;
      case EventKind::velocity:
        bin = value;
        break;
      case EventKind::note_on:
        open[pitch].push_back({now, order++, bin});
        break;
      case EventKind::note_off:
        if (first[pitch] < open[pitch].size()) close(value, open[pitch][first[pitch]++], to_seconds(now));
        break;
      case EventKind::pedal:
        performance.controls.push_back({.time = to_seconds(now), .value = static_cast<std::uint8_t>(value ? 127 : 0)});
        break;
    }
  }
  for (std::size_t pitch = 0; pitch < open.size(); ++pitch)
    for (std::size_t i = first[pitch]; i < open[pitch].size(); ++i)
      close(static_cast<int>(pitch), open[pitch][i],
            std::min(to_seconds(now), to_seconds(open[pitch][i].start) + kHangingNote));

  std::sort(closed.begin(), closed.end(), [](const Closed& a, const Closed& b) { return a.order < b.order; });
  performance.notes.reserve(closed.size());
  for (const Closed& c : closed) performance.notes.push_back(c.note);
  performance.duration = to_seconds(now);
  return performance;
}

}  // namespace rondo::inline v0::music
