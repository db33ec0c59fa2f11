// SPDX-License-Identifier: MIT
// A model as an instrument: it generates pieces in slices of time, and plays with a player.
#pragma once

#include "piano/generation/live.hpp"
#include "piano/generation/stream.hpp"
#include "piano/instrument/packed_model.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace piano {

/// Settings of the page. Density and key are inputs of a model with these conditions; other models ignore them.
struct InstrumentSettings {
  rondo::SamplingConfig sampling;
  std::uint64_t seed = 1;
  double notes_per_second = 0;  // 0: that of the given music
  int key = -1;                 // 0..23 as in music::key_named; -1: that of the given music
  int lowest = rondo::music::kLowestPianoKey, highest = rondo::music::kHighestPianoKey;  // of the model, while live

  /// The values for a model, given those of the music so far.
  rondo::music::ConditionValues apply(rondo::music::ConditionValues given) const;
};

class Instrument {
 public:
  explicit Instrument(PlayableModel model) : model_(std::move(model)) {}
  Instrument(const Instrument&) = delete;  // `live_` refers to the model
  Instrument& operator=(const Instrument&) = delete;

  const PlayableModel& model() const { return model_; }

  /// Begins a piece: the notes and pedal changes of `music` before `from` seconds, then `seconds` of new music. Throws
  /// rondo::error for a setting out of range.
  void begin(const rondo::music::Performance& music, double from, double seconds, const InstrumentSettings& settings);
  /// Generates for about `seconds` of time. True once the piece is complete. Throws std::logic_error before begin().
  bool run(double seconds);
  /// The piece so far.
  GeneratedPiece result() const;

  /// Begins to play with a player. Throws rondo::error for a setting out of range.
  void begin_live(const InstrumentSettings& settings);
  void set_live(const InstrumentSettings& settings);
  /// A key of the player, as Live::key. The key of the music is estimated from the last notes.
  void live_key(std::int64_t step, int pitch, int velocity);
  /// Throws std::logic_error before begin_live().
  Live& live();

 private:
  LiveSettings live_settings() const;

  PlayableModel model_;
  std::optional<Stream> stream_;
  std::size_t at_ = 0;  // step of `stream_`
  rondo::TokenModel<float>::State state_;
  rondo::TokenModel<float>::Scratch scratch_;
  std::vector<rondo::music::Token> ids_;
  std::optional<Live> live_;
  InstrumentSettings settings_;     // of `live_`
  std::deque<int> recent_pitches_;  // of the player
};

}  // namespace piano
