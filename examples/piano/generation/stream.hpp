// SPDX-License-Identifier: MIT
// One take on its way: which token comes next, whether it is given by the outline or sampled from the model.
//
// Given events come at their time, whatever else sounds; between them, inside the outline's free spans, the model
// plays. A time shift it chooses ends at the next given event at the latest. It does not lift keys that are given. What
// it still holds when a span ends rings on for half a second; the pedal goes back to where the outline has it at once.
#pragma once

#include "piano/generation/generate.hpp"

#include <rondo/core/random.hpp>
#include <rondo/music/grammar.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace piano {

class Stream {
 public:
  Stream(const Request& request, const rondo::music::InputSpec& input_spec, rondo::music::Token opening);

  /// Writes what the model hears at step t. Called for each t in turn.
  void next_input(std::size_t t, std::span<rondo::music::Token> to);

  /// Takes the logits that followed step t; samples where the outline leaves it to the model.
  void set_logits(std::size_t t, std::span<const float> logits);

  bool done() const { return done_; }
  GeneratedPiece result() const;

 private:
  /// An event of the outline; a key that goes down has a velocity.
  struct Given {
    std::int64_t step;
    rondo::music::Event event;
    int bin;
  };

  static std::vector<Given> events_of(const rondo::music::Performance& given);
  void put(rondo::music::Token token);
  void play_given(const Given& given);
  void advance();  // given tokens, up to where the model is asked, or to the end
  void finish();
  std::int64_t next_given() const;  // its step; far away if there is none
  /// The free span at that step, or the end.
  std::vector<std::pair<std::int64_t, std::int64_t>>::const_iterator span_at(std::int64_t step) const;
  bool is_free(std::int64_t step) const { return span_at(step) != free_.end(); }
  bool is_generated(int pitch) const;                   // the key is down, and not given
  std::int64_t due(std::int64_t now, int pitch) const;  // when such a key comes up outside of free spans
  void release_generated(std::int64_t now);             // lifts those that are due, sets the pedal as it is given

  rondo::music::InputSpec input_spec_;
  rondo::music::ConditionValues condition_values_;
  rondo::music::Grammar grammar_;
  rondo::Sampler sampler_;
  rondo::Rng rng_;
  std::vector<Given> given_;
  std::size_t given_at_ = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> free_;  // steps
  rondo::music::Token opening_;
  std::vector<rondo::music::Token> tokens_;
  rondo::music::ActiveNotes input_notes_, played_;      // after what the model heard; after all tokens
  std::vector<bool> held_;                              // of each pitch: given, and down
  bool given_pedal_ = false;                            // down, by the outline
  std::vector<std::int64_t> struck_;                    // of each pitch: the step of its last note-on
  std::set<std::pair<std::int64_t, int>> given_notes_;  // step and pitch of those that were played
  int bin_ = -1;                                        // of the last velocity
  std::vector<float> masked_;                           // logits in which the mask shifts nothing between kinds
  std::vector<std::uint8_t> allowed_;
  double nats_ = 0;
  std::size_t sampled_ = 0;
  bool done_ = false;
};

}  // namespace piano
