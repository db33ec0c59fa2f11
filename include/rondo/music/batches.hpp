// SPDX-License-Identifier: MIT
// Batches of tokens for truncated backpropagation through time: T tokens of each of B streams per batch. A stream
// continues where its last window ended, so the state of the network carries over, until it jumps to another position.
#pragma once

#include <rondo/music/augment.hpp>
#include <rondo/music/condition.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/music/grammar.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rondo::inline v0::music {

inline constexpr Token kNoTarget = -1;  ///< target past the end of a stream: excluded from the loss

/// Input of a model: tokens of a vocabulary and ids of conditions. And whether its predictions are under the grammar.
struct InputSpec {
  int vocabulary = kVocabulary;  ///< number of tokens
  Conditions conditions;         ///< conditions of the model
  bool grammar = false;          ///< whether kExcludedLogit is added to the logits of tokens that the grammar excludes
};

/// A piece as tokens and condition values.
struct EncodedPiece {
  std::vector<Token> tokens;                      ///< all tokens
  std::vector<ConditionValues> condition_values;  ///< after each token; empty without conditions that need lookahead

  /// Computes condition values if `input_spec` needs them.
  EncodedPiece(std::vector<Token> all, const InputSpec& input_spec) : tokens(std::move(all)) {
    if (input_spec.conditions.needs_lookahead()) condition_values = condition_values_per_token(tokens);
  }
};

/// A position in a piece with the active notes there.
struct PieceCursor {
  const EncodedPiece* encoded = nullptr;  ///< the piece
  std::size_t at = 0;                     ///< index of the next token
  ActiveNotes sounding;                   ///< active notes before the next token
  Grammar grammar = unlimited();          ///< after the tokens before the next one

  /// Without limits on music that is given.
  static Grammar unlimited() { return Grammar(GrammarLimits::none(/*pedal=*/true)); }

  bool ended() const { return at + 1 >= encoded->tokens.size(); }  ///< whether the next token has no successor
  /// Moves to token `place` of `piece`, in time proportional to `place`.
  void start(const EncodedPiece& piece, std::size_t place) {
    encoded = &piece;
    sounding = {};
    for (at = 0; at < place; ++at) sounding.feed(piece.tokens[at]);
    grammar = unlimited();
    grammar.feed(std::span(piece.tokens).first(place));
  }
};

/// Sets one flag per token: 1 if the grammar excludes it, after a shift. `allowed`: the mask of the grammar, not
/// shifted. Tokens to which none is shifted are excluded.
inline void write_excluded(std::span<const std::uint8_t> allowed, TokenShift shift, std::span<std::uint8_t> to) {
  std::fill(to.begin(), to.end(), std::uint8_t{1});
  const auto write = [&](Token first, int count, int by) {
    for (int n = std::max(0, -by); n < std::min(count, count - by); ++n)
      to[static_cast<std::size_t>(first + n + by)] = allowed[static_cast<std::size_t>(first + n)] == 0;
  };
  write(kFirstNoteOn, kPitches, shift.semitones);
  write(kFirstNoteOff, kPitches, shift.semitones);
  write(kFirstTimeShift, kMaxShift, 0);
  write(kFirstVelocity, kVelocityBins, shift.velocity_bins);
  write(kPedalDown, static_cast<int>(to.size()) - kPedalDown, 0);
}

/// A batch. B streams, T time steps, K ids per step. The target of a step is at [t * B + b], its ids are from
/// [(t * B + b) * K] on.
struct Batch {
  std::vector<Token> inputs;   ///< T x B x K; past the end of a stream token 0 without conditions
  std::vector<Token> targets;  ///< T x B; the token after each input, kNoTarget past the end of a stream
  /// T x B x V; 1 for the tokens that the grammar excludes as targets; empty if the input has no grammar
  std::vector<std::uint8_t> excluded;
  std::vector<std::uint8_t> reset;  ///< B; 1 if the stream jumped: the state of the network must be reset
  std::vector<int> lengths;         ///< B; number of valid steps, 0..T
  std::size_t tokens = 0;           ///< sum of the lengths

  /// Resizes to B = batch, T = steps, without valid steps.
  void clear(int batch, int steps, const InputSpec& input_spec) {
    const std::size_t places = static_cast<std::size_t>(batch) * static_cast<std::size_t>(steps);
    const auto ids = static_cast<std::size_t>(input_spec.conditions.ids_per_step());
    excluded.assign(input_spec.grammar ? places * static_cast<std::size_t>(input_spec.vocabulary) : 0, 0);
    inputs.assign(places * ids, kNoCondition);
    for (std::size_t place = 0; place < places; ++place) inputs[place * ids] = 0;
    targets.assign(places, kNoTarget);
    reset.assign(static_cast<std::size_t>(batch), 0);
    lengths.assign(static_cast<std::size_t>(batch), 0);
    tokens = 0;
  }

  /// Writes the next tokens of a stream, at most T = steps inputs with their targets, to column b, shifted, and
  /// advances the cursor. Conditions that need lookahead are written if `conditioned`.
  void put(int steps, std::size_t b, PieceCursor& cursor, const InputSpec& input_spec, TokenShift shift,
           bool conditioned) {
    const auto& piece = cursor.encoded->tokens;
    const auto& values = cursor.encoded->condition_values;
    const auto ids = static_cast<std::size_t>(input_spec.conditions.ids_per_step());
    int t = 0;
    for (; t < steps && !cursor.ended(); ++t, ++cursor.at) {
      const auto place = static_cast<std::size_t>(t) * lengths.size() + b;
      const Token token = piece[cursor.at];
      cursor.sounding.feed(token);
      write_step(input_spec.conditions, input_spec.vocabulary, token,
                 conditioned && !values.empty() ? values[cursor.at] : ConditionValues{}, cursor.sounding, shift,
                 std::span(inputs).subspan(place * ids, ids));
      targets[place] = shifted(piece[cursor.at + 1], shift);
      if (excluded.empty()) continue;
      cursor.grammar.feed(token);
      const auto V = static_cast<std::size_t>(input_spec.vocabulary);
      write_excluded(cursor.grammar.allowed(), shift, std::span(excluded).subspan(place * V, V));
    }
    lengths[b] = t;
    tokens += static_cast<std::size_t>(t);
  }
};

/// Options of Batches.
struct BatchOptions {
  int batch = 32;        ///< B
  int first_stream = 0;  ///< with `streams`: the part of one of several processes that share a batch
  int streams = 0;   ///< columns of the batches: those of streams first_stream .. first_stream + streams - 1; 0: all B
  int steps = 64;    ///< T
  int windows = 16;  ///< consecutive windows of T tokens before a stream jumps; 1: random windows, 0: whole pieces
  std::uint64_t seed = 1;          ///< of positions and variants
  Augmentation augmentation = {};  ///< grid of variants
  InputSpec input_spec = {};       ///< input of the model
  /// one in n jumps omits the conditions that need lookahead until the next jump; 0: never
  int unconditioned_one_in = 2;

  /// Whether a stream has these conditions until its next jump. Draws a number only if that is not certain.
  bool draw_conditioned(CounterRng& random) const {
    return !input_spec.conditions.needs_lookahead() || unconditioned_one_in == 0 ||
           random.below(static_cast<std::uint64_t>(unconditioned_one_in)) > 0;
  }
};

/// Endless training batches. Each jump of a stream draws a position (a piece with probability proportional to its
/// length, a token in it) and a variant of the augmentation grid; shifts that leave the piano or the bins of velocities
/// are not drawn. With `windows` = 0 a stream reads each piece from start to end, except that it starts within the
/// first one. The first jumps of streams are staggered. Batches are a function of seed and step: seek() returns to any
/// step.
class Batches {
 public:
  /// Encodes every stretch of every piece. Throws std::invalid_argument if no piece has two tokens or an option is out
  /// of range.
  Batches(std::span<const Piece> pieces, BatchOptions options) : options_(std::move(options)) {
    if (options_.batch < 1 || options_.steps < 1 || options_.windows < 0 || options_.augmentation.stretches.empty())
      throw std::invalid_argument(
          "Batches: batch and steps must be 1 or more, windows 0 or more, and one stretch given");
    if (options_.streams == 0) options_.streams = options_.batch;
    if (options_.first_stream < 0 || options_.streams < 1 || options_.first_stream > options_.batch - options_.streams)
      throw std::invalid_argument("Batches: streams " + std::to_string(options_.first_stream) + " to " +
                                  std::to_string(options_.first_stream + options_.streams - 1) +
                                  " are not all of 0 to " + std::to_string(options_.batch - 1));
    for (const Piece& piece : pieces) {
      Source source;
      for (double factor : options_.augmentation.stretches)
        source.variants.emplace_back(tokens_of({piece.name, stretch(piece.performance, factor)}), options_.input_spec);
      source.shifts = allowed_shifts(piece.performance.notes, options_.augmentation);
      source.shortest = source.variants.front().tokens.size();
      for (const auto& variant : source.variants) source.shortest = std::min(source.shortest, variant.tokens.size());
      if (source.shortest < 2 || source.shifts.empty()) continue;
      places_ += source.shortest - 1;
      source.places_end = places_;
      sources_.push_back(std::move(source));
    }
    if (sources_.empty()) throw std::invalid_argument("Batches: no piece with two tokens or more to learn from");
    seek(0);
  }

  Batches(const Batches&) = delete;             ///< streams point into the pieces
  Batches& operator=(const Batches&) = delete;  ///< see the copy constructor

  std::int64_t step() const { return step_; }  ///< number of batches so far

  /// Number of inputs in one pass over the unaugmented pieces, about one epoch.
  std::size_t tokens_per_epoch() const { return places_; }

  /// Moves to a step: the next call of next() returns batch `step`. Takes O(B) time per step from the start.
  void seek(std::int64_t step) {
    streams_.clear();
    for (int b = options_.first_stream; b < options_.first_stream + options_.streams; ++b)
      streams_.push_back({CounterRng(options_.seed, static_cast<std::uint64_t>(b))});
    for (step_ = 0; step_ < step; ++step_)
      for (Stream& stream : streams_) {
        advance(stream);
        stream.at += static_cast<std::size_t>(options_.steps);
      }
    for (Stream& stream : streams_)
      if (stream.begun && !ended(stream)) stream.cursor.start(encoded(stream), stream.at);
  }

  /// Returns the next batch, valid until the next call. Allocates only in the first call.
  const Batch& next() {
    batch_.clear(options_.streams, options_.steps, options_.input_spec);
    for (std::size_t b = 0; b < streams_.size(); ++b) {
      Stream& stream = streams_[b];
      batch_.reset[b] = advance(stream);
      if (batch_.reset[b]) stream.cursor.start(encoded(stream), stream.at);
      batch_.put(options_.steps, b, stream.cursor, options_.input_spec, stream.shift, stream.conditioned);
      stream.at += static_cast<std::size_t>(options_.steps);
    }
    ++step_;
    return batch_;
  }

 private:
  struct Source {
    std::vector<EncodedPiece> variants;  // one for each stretch
    std::size_t shortest = 0;            // tokens in the shortest of them
    std::size_t places_end = 0;          // running sum of start positions
    ShiftRange shifts;
  };
  struct Stream {
    CounterRng random;
    std::size_t source = 0, variant = 0, at = 0;  // where its next window begins
    TokenShift shift = {};
    int windows_left = 0;
    bool begun = false, conditioned = true;
    PieceCursor cursor = {};  // at the same place
  };

  const EncodedPiece& encoded(const Stream& stream) const { return sources_[stream.source].variants[stream.variant]; }
  bool ended(const Stream& stream) const { return stream.at + 1 >= encoded(stream).tokens.size(); }

  // Prepares the stream for its next window. Returns whether it jumped.
  bool advance(Stream& stream) const {
    if (!stream.begun || ended(stream) || (options_.windows > 0 && stream.windows_left == 0)) {
      jump(stream);
      return true;
    }
    --stream.windows_left;
    return false;
  }

  void jump(Stream& stream) const {
    CounterRng& random = stream.random;
    const bool anywhere = options_.windows > 0 || !stream.begun;
    std::size_t place = anywhere ? random.below(places_) : 0;
    if (anywhere) {
      const auto source = std::upper_bound(sources_.begin(), sources_.end(), place,
                                           [](std::size_t at, const Source& s) { return at < s.places_end; });
      stream.source = static_cast<std::size_t>(source - sources_.begin());
      place -= source == sources_.begin() ? 0 : std::prev(source)->places_end;
    } else {
      stream.source = random.below(sources_.size());
    }
    const Source& source = sources_[stream.source];
    stream.variant = random.below(source.variants.size());
    stream.shift = source.shifts.draw(random);
    // Positions are those of the shortest variant; scaled to this variant.
    const std::size_t places = source.variants[stream.variant].tokens.size() - 1;
    stream.at = place * places / (source.shortest - 1);
    if (options_.windows > 0)
      stream.windows_left =
          (stream.begun ? options_.windows
                        : 1 + static_cast<int>(random.below(static_cast<std::uint64_t>(options_.windows)))) -
          1;
    stream.begun = true;
    stream.conditioned = options_.draw_conditioned(random);
  }

  BatchOptions options_;
  std::vector<Source> sources_;
  std::size_t places_ = 0;
  std::vector<Stream> streams_;
  std::int64_t step_ = 0;
  Batch batch_;
};

/// One pass over all pieces for evaluation: every token except the first of each piece is a target once.
class EvaluationBatches {
 public:
  /// At most `batch` streams of T = `steps` tokens per batch; pieces are assigned to the stream with the least tokens,
  /// longest first. Conditions that need lookahead are written if `conditioned`. Throws std::invalid_argument unless
  /// both numbers are positive.
  EvaluationBatches(std::span<const Piece> pieces, int batch, int steps, const InputSpec& input_spec = {},
                    bool conditioned = false)
      : steps_(steps), input_spec_(input_spec), conditioned_(conditioned) {
    if (batch < 1 || steps < 1) throw std::invalid_argument("EvaluationBatches: batch and steps must be 1 or more");
    for (const Piece& piece : pieces)
      if (auto tokens = tokens_of(piece); tokens.size() > 1) pieces_.emplace_back(std::move(tokens), input_spec_);
    std::stable_sort(pieces_.begin(), pieces_.end(),
                     [](const EncodedPiece& a, const EncodedPiece& b) { return a.tokens.size() > b.tokens.size(); });
    streams_.resize(std::min<std::size_t>(static_cast<std::size_t>(batch), pieces_.size()));
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      Stream& least = *std::min_element(streams_.begin(), streams_.end(),
                                        [](const Stream& a, const Stream& b) { return a.load < b.load; });
      least.pieces.push_back(i);
      least.load += pieces_[i].tokens.size();
      targets_ += pieces_[i].tokens.size() - 1;
    }
  }

  EvaluationBatches(const EvaluationBatches&) = delete;             ///< streams point into the pieces
  EvaluationBatches& operator=(const EvaluationBatches&) = delete;  ///< see the copy constructor

  int batch() const { return static_cast<int>(streams_.size()); }  ///< B, at most the number of pieces
  std::size_t targets() const { return targets_; }                 ///< number of targets in the whole pass

  /// Returns the next batch, or null after the last. Finished streams have length 0.
  const Batch* next() {
    batch_.clear(batch(), steps_, input_spec_);
    for (std::size_t b = 0; b < streams_.size(); ++b) {
      Stream& stream = streams_[b];
      PieceCursor& cursor = stream.cursor;
      if (!cursor.encoded || cursor.ended()) {
        if (stream.piece == stream.pieces.size()) continue;
        cursor.start(pieces_[stream.pieces[stream.piece++]], 0);
        batch_.reset[b] = 1;
      }
      batch_.put(steps_, b, cursor, input_spec_, {}, conditioned_);
    }
    return batch_.tokens > 0 ? &batch_ : nullptr;
  }

 private:
  struct Stream {
    std::vector<std::size_t> pieces;
    std::size_t load = 0, piece = 0;
    PieceCursor cursor = {};
  };
  int steps_;
  InputSpec input_spec_;
  bool conditioned_;
  std::vector<EncodedPiece> pieces_;
  std::vector<Stream> streams_;
  std::size_t targets_ = 0;
  Batch batch_;
};

}  // namespace rondo::inline v0::music
