// SPDX-License-Identifier: MIT
// A player and a model at one keyboard. The player's keys are given as they are played. The model generates ahead of
// time; what it has generated for later is dropped when the player plays again. The state after every recent token is
// stored, so that dropping costs nothing.
//
// Times are in steps of 10 ms since the start. The model is not given silences longer than kLongestSilence.
#pragma once

#include "piano/generation/token_sampler.hpp"
#include "piano/grammar_mask.hpp"

#include <rondo/layers/token_model.hpp>
#include <rondo/music/augment.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/grammar.hpp>
#include <rondo/music/pedal.hpp>

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace piano {

/// What the model may play.
struct LiveSettings {
  rondo::SamplingConfig sampling;
  rondo::music::ConditionValues condition_values;
  int lowest = rondo::music::kLowestPianoKey, highest = rondo::music::kHighestPianoKey;  // pitches
};

/// A key of the model that goes down, or up with velocity 0.
struct LiveEvent {
  std::int64_t step;
  int pitch, velocity;
};

/// A token that the model was given or has sampled, with its input.
struct LiveToken {
  std::vector<rondo::music::Token> ids;  // of the model's input
  std::vector<std::uint8_t> excluded;    // as tokens after it, as in music::Batch
  rondo::music::Token token;
  bool given;         // by the player
  std::int64_t step;  // after it
};

class Live {
 public:
  static constexpr std::int64_t kLongestSilence = 2 * rondo::music::kStepsPerSecond;
  static constexpr std::size_t kRecorded = 4096;

  /// `model` must outlive this object. `opening` is the velocity before the first note of the model.
  Live(const rondo::TokenModel<float>& model, const rondo::music::InputSpec& input_spec,
       rondo::music::PedalMode pedal_mode, rondo::music::Token opening, const LiveSettings& settings,
       std::uint64_t seed);

  /// Throws rondo::error for a setting out of range.
  void set(const LiveSettings& settings);
  /// Continues with other weights of the same network. `model` must outlive this object.
  void set_model(const rondo::TokenModel<float>& model) { model_ = &model; }

  /// The player's key goes down, or up with velocity 0. All generated events after `step` are dropped. A step before
  /// the last call's is taken to be that of the last call.
  void key(std::int64_t step, int pitch, int velocity);
  /// The player's pedal. With PedalMode::extend, notes last until it is up.
  void pedal(std::int64_t step, bool down);

  /// The model's turn begins: its first note comes within 0.2 s.
  void begin_turn(std::int64_t step);
  /// The model's turn ends: generated events after `step` are dropped, its notes that are held end.
  void end_turn(std::int64_t step);

  /// Generates until `step` is reached, or by up to a second more. False if it stopped after `most` tokens.
  bool generate(std::int64_t step, int most);

  /// All events of the model so far, in order.
  const std::vector<LiveEvent>& events() const { return events_; }
  /// The number of the first events that were not changed since the last call.
  std::size_t take_unchanged();

  /// The tokens that will not be dropped are the first `settled()` of these, the last kRecorded in order.
  const std::deque<LiveToken>& tokens() const { return tokens_; }
  std::size_t settled() const;
  void forget_tokens(std::size_t count);  ///< the first ones

  /// Nats of the player's tokens, each predicted from all tokens before it, and their number.
  double given_nats() const { return at().given_nats; }
  std::size_t given_tokens() const { return at().given_tokens; }

  std::int64_t now() const { return at().now(); }       ///< the step after the last token
  std::size_t generated() const { return generated_; }  ///< tokens sampled so far

 private:
  /// Everything that follows from the tokens so far.
  struct Position {
    rondo::music::Grammar grammar;
    rondo::music::ActiveNotes played;
    GrammarMask mask;
    rondo::TokenModel<float>::State state;
    std::vector<float> logits;                                // of the next token; empty at the start
    std::bitset<rondo::music::kPitches> given;                // held by the player
    std::array<std::int64_t, rondo::music::kPitches> struck;  // grammar's step of the last note-on
    int bin = -1;                                             // of the last velocity
    std::int64_t skipped = 0;                                 // steps of silence that the model was not given
    std::int64_t waiting_since = -1;                          // a turn without a note so far: when it began; else -1
    std::size_t events = 0;                                   // number of events so far
    std::size_t tokens = 0;                                   // number of tokens so far, also of those forgotten
    double given_nats = 0;                                    // of the player's tokens
    std::size_t given_tokens = 0;                             // their number

    std::int64_t now() const { return grammar.steps() + skipped; }
  };

  Position& at() { return positions_.back(); }
  const Position& at() const { return positions_.back(); }
  bool is_generated(int pitch) const {
    return at().played.key(pitch) && !at().given.test(static_cast<std::size_t>(pitch));
  }
  std::int64_t drop_after(std::int64_t step);  // returns the step, not before the last given event
  void advance(std::int64_t step);             // with time shifts; ends generated notes that are due
  void move_to(std::int64_t step) { advance(drop_after(step)); }
  void put(rondo::music::Token token, bool given = false);
  void release(int pitch);        // a generated note
  void release_given(int pitch);  // a note of the player, if it is held
  void mask();                    // sets allowed_
  void sample();

  const rondo::TokenModel<float>* model_;
  rondo::music::InputSpec input_spec_;
  rondo::music::PedalMode pedal_mode_;
  rondo::music::Token opening_;
  LiveSettings settings_;
  TokenSampler sampler_;
  rondo::TokenModel<float>::Scratch scratch_;
  std::deque<Position> positions_;  // after the recent tokens
  std::deque<LiveToken> tokens_;
  std::size_t forgotten_ = 0;  // tokens before these
  std::int64_t last_given_ = 0;
  bool pedal_down_ = false;
  std::bitset<rondo::music::kPitches> keys_, sustained_;  // of the player: held by the hand; by the pedal alone
  std::vector<LiveEvent> events_;
  std::size_t unchanged_ = 0, generated_ = 0;
  std::vector<rondo::music::Token> ids_;
  std::vector<std::uint8_t> allowed_;
};

}  // namespace piano
