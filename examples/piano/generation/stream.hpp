// SPDX-License-Identifier: MIT
// One sequence being generated: the next token is either given by the plan or sampled from the model.
//
// Given events occur at their time. Between them, in the free spans of the plan, the model generates. A sampled time
// shift ends at the next given event at the latest. The model cannot end given notes. Generated notes that are still
// held when a span ends are released half a second later; the pedal returns at once to its state in the plan.
#pragma once

#include "piano/generation/generate.hpp"
#include "piano/generation/token_sampler.hpp"
#include "piano/grammar_mask.hpp"

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

  /// Writes the model's input at step t. To be called for t = 0, 1, 2, ...
  void next_input(std::size_t t, std::span<rondo::music::Token> to);

  /// Receives the logits of step t; samples the next token if the plan does not give it.
  void set_logits(std::size_t t, std::span<const float> of_model);

  bool done() const { return done_ && following_next_ >= following_end_; }
  GeneratedPiece result() const;

 private:
  /// An event of the plan.
  struct Given {
    std::int64_t step;
    rondo::music::Event event;
    int bin;  // of the velocity, for a note-on
  };

  static std::vector<Given> events_of(const rondo::music::Performance& given);
  void put(rondo::music::Token token);
  void put_given(const Given& given);
  void advance();  // adds given tokens up to the next sampled token or the end
  void finish();
  void find_following();  // sets their first token and the end
  void measure_following(std::size_t t, std::span<const float> logits);
  std::int64_t next_given() const;  // its step; max() if there is none
  /// The free span at that step, or the end.
  std::vector<std::pair<std::int64_t, std::int64_t>>::const_iterator span_at(std::int64_t step) const;
  bool is_free(std::int64_t step) const { return span_at(step) != free_.end(); }
  bool is_generated(int pitch) const;                   // whether the pitch is held by a generated note
  std::int64_t due(std::int64_t now, int pitch) const;  // when such a note ends outside of free spans
  void release_generated(std::int64_t now);             // ends the notes that are due, sets the pedal as in the plan

  rondo::music::InputSpec input_spec_;
  rondo::music::ConditionValues condition_values_;
  rondo::music::Grammar grammar_;
  TokenSampler sampler_;
  std::vector<Given> given_;
  std::size_t given_at_ = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> free_;  // steps
  rondo::music::Token opening_;
  std::vector<rondo::music::Token> tokens_;
  rondo::music::ActiveNotes input_notes_, played_;      // after the model's inputs; after all tokens
  GrammarMask mask_;                                    // after the model's inputs
  std::vector<float> logits_;                           // under the mask
  std::vector<bool> held_;                              // for each pitch: held by a given note
  bool given_pedal_ = false;                            // whether it is down in the plan
  std::vector<std::int64_t> struck_;                    // for each pitch: the step of its last note-on
  std::set<std::pair<std::int64_t, int>> given_notes_;  // step and pitch of the given notes so far
  int bin_ = -1;                                        // of the last velocity token
  std::vector<std::uint8_t> allowed_;
  double nats_ = 0;
  std::int64_t first_sampled_ = -1;  // its step
  std::vector<SampledNats> minutes_;
  std::size_t sampled_ = 0;
  bool done_ = false;  // all tokens are there
  Following following_;
  std::size_t following_next_ = 0, following_end_ = 0;  // tokens that are to be measured, once done_
  double following_nats_ = 0;
};

}  // namespace piano
