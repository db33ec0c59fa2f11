// SPDX-License-Identifier: MIT
// A model as an instrument: it generates pieces and fills stretches of them in slices of time, and plays with a player.
// It can go on learning from the music that it is given; the trained weights are kept.
#pragma once

#include "piano/adaptation/adaptive_model.hpp"
#include "piano/generation/generator.hpp"
#include "piano/generation/infill.hpp"
#include "piano/generation/live.hpp"
#include "piano/instrument/packed_model.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <variant>

namespace piano {

/// Settings of the page. Density and key are inputs of a model with these conditions; other models ignore them.
struct InstrumentSettings {
  rondo::SamplingConfig sampling;
  std::uint64_t seed = 1;
  double notes_per_second = 0;  // 0: that of the given music
  int key = -1;                 // 0..23 as in music::key_named; -1: that of the given music
  int lowest = rondo::music::kLowestPianoKey, highest = rondo::music::kHighestPianoKey;  // of the model, while live
  bool learn = false;  // from the music before new music, and live from what is played

  /// The values for a model, given those of the music so far.
  rondo::music::ConditionValues apply(rondo::music::ConditionValues given) const;
};

class Instrument {
 public:
  explicit Instrument(PlayableModel model) : model_(std::move(model)) {}
  Instrument(const Instrument&) = delete;  // its parts refer to the model
  Instrument& operator=(const Instrument&) = delete;

  const PlayableModel& model() const { return model_; }

  /// How the model learns, from the next piece on.
  void set_adaptation(const AdaptationSettings& settings) { adaptation_ = settings; }

  /// Begins a piece: the notes and pedal changes of `music` before `from` seconds, then `seconds` of new music. A model
  /// that learns reads the former first. Throws rondo::error for a setting out of range.
  void begin(const rondo::music::Performance& music, double from, double seconds, const InstrumentSettings& settings);
  /// Begins to replace a stretch of `music` by new music that leads into what follows: see Infilling, which also says
  /// what it throws. A model that learns reads the music outside of the stretch first.
  void begin_infill(const rondo::music::Performance& music, Span gap, int candidates,
                    const InstrumentSettings& settings);
  /// Computes for about `seconds` of time. True once the piece is complete. Throws std::logic_error before begin().
  bool run(double seconds);
  /// The piece so far; that of begin_infill() once it is complete.
  GeneratedPiece result() const;

  /// Begins to play with a player, with the trained weights. Throws rondo::error for a setting out of range.
  void begin_live(const InstrumentSettings& settings);
  void set_live(const InstrumentSettings& settings);
  /// A key of the player, as Live::key. The key of the music is estimated from the last notes.
  void live_key(std::int64_t step, int pitch, int velocity);
  /// Learns from one window of tokens, if the settings say so and the player has played enough. The model's own notes
  /// are read, but not learned from.
  void learn_live();
  /// Throws std::logic_error before begin_live().
  Live& live();

 private:
  LiveSettings live_settings() const;
  /// The model of a piece: the trained one, or one that learns from `music` in run() first.
  const rondo::TokenModel<float>& model_for_piece(bool learn, const rondo::music::Performance& music);

  PlayableModel model_;
  AdaptationSettings adaptation_;
  std::optional<AdaptiveModel> adaptive_;  // of a piece that is learned from
  std::optional<Reading> reading_;         // until it has been read
  std::variant<std::monostate, Generator, Infilling> work_;
  double begin_ = 0;                                // of the first note of an infill's music
  std::optional<AdaptiveModel> adaptive_live_;      // if `live_` learns
  rondo::TokenModel<float>::State learning_state_;  // of `adaptive_live_`
  std::optional<Live> live_;
  InstrumentSettings settings_;     // of `live_`
  std::deque<int> recent_pitches_;  // of the player
};

}  // namespace piano
