// SPDX-License-Identifier: MIT
// Renders a score as an expressive performance: accents on the beat, the melody louder than the accompaniment, rubato,
// slightly asynchronous chords, pedal changes. The same seed gives the same performance on every machine. See
// docs/06-midi-and-tokens.md.
#pragma once

#include <rondo/midi/notes.hpp>
#include <rondo/midi/time.hpp>
#include <rondo/music/bars.hpp>
#include "piano/music_names.hpp"
#include "piano/notation/beat_clock.hpp"
#include "piano/notation/dynamics.hpp"
#include "piano/notation/hashed_random.hpp"
#include "piano/notation/pedalling.hpp"
#include "piano/notation/score.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

namespace piano {

struct PerformanceOptions {
  std::uint64_t seed = 0;
  double tempo_scale = 1;       // 1.05: 5 % faster than marked
  double spread = 0.010;        // seconds; largest asynchrony of the notes of a chord
  double melody_lead = 0.006;   // seconds by which the accompaniment follows the melody
  double velocity_noise = 2.5;  // largest random deviation of a velocity
};

namespace detail {

class Performer {
 public:
  Performer(const Score& score, const PerformanceOptions& options)
      : score_(score),
        options_(options),
        random_(options.seed),
        clock_(score, random_, options.tempo_scale),
        dynamics_(score),
        is_melody_(score.voices.size(), score.melody.empty()) {
    for (std::size_t voice : score.melody) is_melody_[voice] = true;
  }

  midi::Performance<midi::Seconds> perform() const {
    midi::Performance<midi::Seconds> result;
    result.notes = notes();
    result.controls = pedal();
    for (const auto& note : result.notes) result.duration = std::max(result.duration, note.end);
    if (!result.controls.empty()) result.duration = std::max(result.duration, result.controls.back().time);
    return result;
  }

  std::vector<BarStart> bar_starts() const {
    std::vector<BarStart> starts;
    for (std::size_t b = 0; b < score_.bars.size(); ++b) {
      const Bar& bar = score_.bars[b];
      const bool goes_on = b > 0 && bar.number == score_.bars[b - 1].number && bar.into_metre != Rational();
      if (!goes_on) starts.push_back({clock_.seconds(bar.onset), bar.number});
    }
    return starts;
  }

 private:
  enum Stream : std::uint64_t { kOnset = 2, kVelocity, kRelease, kPhrase };  // 0 and 1 are the clock's

  // The random numbers of a note depend on its index in the score, which no option changes.
  std::vector<midi::Note<midi::Seconds>> notes() const {
    std::array<std::vector<midi::Note<midi::Seconds>>, 128> keys;
    for (std::size_t n = 0; n < score_.notes.size(); ++n) {
      const ScoreNote& written = score_.notes[n];
      auto& key = keys[static_cast<std::size_t>(written.pitch)];
      const double start = clock_.seconds(written.onset) + options_.spread * random_.uniform(kOnset, n) +
                           (is_melody_[written.voice] ? 0 : options_.melody_lead);
      midi::Note<midi::Seconds> note;
      note.start = {start};
      note.end = {release(written, n, start)};
      note.pitch = static_cast<std::uint8_t>(written.pitch);
      note.velocity = velocity(written, n);
      key.push_back(note);
    }
    std::vector<midi::Note<midi::Seconds>> all;
    for (auto& key : keys) {
      separate(key);
      all.insert(all.end(), key.begin(), key.end());
    }
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return std::tie(a.start, a.pitch) < std::tie(b.start, b.pitch); });
    return all;
  }

  double release(const ScoreNote& note, std::size_t n, double start) const {
    const double end = clock_.seconds(note.onset + note.duration), length = end - start;
    switch (note.articulation) {
      case Articulation::legato:
        return end + 0.015;
      case Articulation::tenuto:
        return end - 0.010;
      case Articulation::staccato:
        return start + std::max(0.05, 0.45 * length);
      case Articulation::normal:
        break;
    }
    const double gap = std::min(0.12 * length, 0.06) * (0.6 + 0.4 * random_.uniform(kRelease, n));
    return std::max(start + 0.03, end - gap);
  }

  std::uint8_t velocity(const ScoreNote& note, std::size_t n) const {
    const double time = note.onset.to_double();
    double velocity = dynamics_.at(time) + metric_accent(note);
    velocity += is_melody_[note.voice] ? 4 : -5;
    if (note.accent) velocity += 12;
    velocity += 2.5 * random_.smooth(kPhrase, time / 3);
    velocity += options_.velocity_noise * (2 * random_.uniform(kVelocity, n) - 1);
    return static_cast<std::uint8_t>(std::clamp(std::lround(velocity), 1L, 127L));
  }

  // The first beat has the strongest accent, then the middle of an even bar, then the other beats, then the rest.
  double metric_accent(const ScoreNote& note) const {
    const Bar& bar = score_.bars[note.bar];
    const Rational place = bar.into_metre + note.onset - bar.onset;
    const Rational beat = Rational(4 * (bar.metre.compound() ? 3 : 1), bar.metre.beat_unit);
    if (place == Rational()) return 5;
    if (bar.metre.length() / beat == place / beat * Rational(2)) return 3;
    return (place / beat).denominator() == 1 ? 1 : -2;
  }

  // A piano has one key for a pitch. Of simultaneous notes the longest is kept; a repeated note ends the one before.
  static void separate(std::vector<midi::Note<midi::Seconds>>& key) {
    constexpr double together = 0.025, lift = 0.015;
    std::sort(key.begin(), key.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
    std::vector<midi::Note<midi::Seconds>> kept;
    for (const auto& note : key) {
      if (!kept.empty() && note.start.value - kept.back().start.value < together) {
        kept.back().end = std::max(kept.back().end, note.end);
        kept.back().velocity = std::max(kept.back().velocity, note.velocity);
        continue;
      }
      if (!kept.empty()) kept.back().end = std::min(kept.back().end, midi::Seconds{note.start.value - lift});
      kept.push_back(note);
    }
    for (auto& note : kept) note.end = std::max(note.end, midi::Seconds{note.start.value + 0.005});
    key = std::move(kept);
  }

  // Syncopated pedalling: the pedal is released just before the new harmony, and pressed again when the new notes are
  // held and the old ones have ended.
  std::vector<midi::ControlChange<midi::Seconds>> pedal() const {
    constexpr double early = 0.015, late = 0.060;
    std::vector<midi::ControlChange<midi::Seconds>> controls;
    double last = 0;
    const auto add = [&](double time, std::uint8_t value) {
      last = std::max(time, last);
      controls.push_back({{last}, midi::kSustainPedal, value});
    };
    for (const PedalChange& change : pedal_changes(score_)) {
      const double time = clock_.seconds(change.time);
      if (change.release) add(time - early, 0);
      if (change.press) add(time + late, 127);
    }
    return controls;
  }

  const Score& score_;
  PerformanceOptions options_;
  HashedRandom random_;
  BeatClock clock_;
  DynamicCurve dynamics_;
  std::vector<bool> is_melody_;
};

}  // namespace detail

/// Notes and sustain pedal (CC64, 127 and 0) in seconds, all on channel 0 of track 0; notes of one pitch do not
/// overlap. The score must have at least one bar, as every parsed score does.
inline midi::Performance<midi::Seconds> perform(const Score& score, const PerformanceOptions& options = {}) {
  return detail::Performer(score, options).perform();
}

/// The starts of the bars of that performance, in order of playing. No note of a bar begins before its start. The
/// second half of a bar that a repeat sign divides does not count, unless a repeat leads back to it.
inline std::vector<BarStart> bar_starts(const Score& score, const PerformanceOptions& options = {}) {
  return detail::Performer(score, options).bar_starts();
}

}  // namespace piano
