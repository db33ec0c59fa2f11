// SPDX-License-Identifier: MIT
// Batches of tokens for truncated backpropagation through time: B streams side by side, T tokens of each at a time. A
// stream goes on where it stopped, so that the network may carry its state over, until it jumps to another place.
#pragma once

#include <rondo/music/augment.hpp>
#include <rondo/music/condition.hpp>
#include <rondo/music/dataset.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace rondo::inline v0::music {

inline constexpr Token kNoTarget = -1;  ///< a place past the end of a stream's piece: no loss there

/// What a model hears at each step: its vocabulary's tokens, and beside them ids of conditions.
struct InputSpec {
  int vocabulary = kVocabulary;
  Conditions conditions;
};

/// A piece as a model hears it.
struct EncodedPiece {
  std::vector<Token> tokens;
  std::vector<ConditionValues> condition_values;  ///< after each token; empty without conditions that look ahead

  EncodedPiece(std::vector<Token> all, const InputSpec& input_spec) : tokens(std::move(all)) {
    if (input_spec.conditions.needs_lookahead()) condition_values = condition_values_per_token(tokens);
  }
};

/// A place in a piece, moving on: what sounds there is known.
struct PieceCursor {
  const EncodedPiece* encoded = nullptr;
  std::size_t at = 0;    ///< of the token that is read next
  ActiveNotes sounding;  ///< before it

  bool ended() const { return at + 1 >= encoded->tokens.size(); }  ///< no token follows
  void start(const EncodedPiece& piece, std::size_t place) {
    encoded = &piece;
    sounding = {};
    for (at = 0; at < place; ++at) sounding.feed(piece.tokens[at]);
  }
};

/// Legend: B streams (batch), T time steps, K ids a step. The target of a step stands at [t * B + b], its ids from
/// [(t * B + b) * K].
struct Batch {
  std::vector<Token> inputs;        ///< T x B x K; 0 past a stream's end, its conditions untold
  std::vector<Token> targets;       ///< T x B; the token after each input, kNoTarget past a stream's end
  std::vector<std::uint8_t> reset;  ///< B; 1 where the stream begins anew, and the state of the network is to be zero
  std::vector<int> lengths;         ///< B; how many of the T steps are there, 0..T
  std::size_t tokens = 0;           ///< sum of the lengths

  void clear(int batch, int steps, int ids_per_step) {
    const std::size_t places = static_cast<std::size_t>(batch) * static_cast<std::size_t>(steps);
    const auto ids = static_cast<std::size_t>(ids_per_step);
    inputs.assign(places * ids, kNoCondition);
    for (std::size_t place = 0; place < places; ++place) inputs[place * ids] = 0;
    targets.assign(places, kNoTarget);
    reset.assign(static_cast<std::size_t>(batch), 0);
    lengths.assign(static_cast<std::size_t>(batch), 0);
    tokens = 0;
  }

  /// Puts the next tokens of a stream in column b: as many as there are, at most T inputs, each with its target. The
  /// cursor moves on behind them. Conditions that look ahead are told if `conditioned`.
  void put(int steps, std::size_t b, PieceCursor& cursor, const InputSpec& input_spec, int semitones,
           bool conditioned) {
    const auto& piece = cursor.encoded->tokens;
    const auto& values = cursor.encoded->condition_values;
    const auto ids = static_cast<std::size_t>(input_spec.conditions.ids_per_step());
    const auto moved = [&](Token token) { return token < kFirstTimeShift ? token + semitones : token; };
    int t = 0;
    for (; t < steps && !cursor.ended(); ++t, ++cursor.at) {
      const auto place = static_cast<std::size_t>(t) * lengths.size() + b;
      const Token token = piece[cursor.at];
      cursor.sounding.feed(token);
      write_step(input_spec.conditions, input_spec.vocabulary, token,
                 conditioned && !values.empty() ? values[cursor.at] : ConditionValues{}, cursor.sounding, semitones,
                 std::span(inputs).subspan(place * ids, ids));
      targets[place] = moved(piece[cursor.at + 1]);
    }
    lengths[b] = t;
    tokens += static_cast<std::size_t>(t);
  }
};

struct BatchOptions {
  int batch = 32;    ///< B
  int steps = 64;    ///< T
  int windows = 16;  ///< how many times T a stream reads on before it jumps; 1: windows by chance, 0: whole pieces
  std::uint64_t seed = 1;
  Augmentation augmentation = {};
  InputSpec input_spec = {};
  int unconditioned_one_in = 8;  ///< one jump in so many leaves conditions that look ahead untold until the next
};

/// Endless training batches. Each jump of a stream draws a place (a piece in proportion to its length, a token in it)
/// and a variant of the augmentation's grid; transpositions that leave the piano are not drawn. With `windows` 0 a
/// stream reads each piece from its beginning to its end, except that it enters the first one somewhere. The streams'
/// first jumps are staggered. All is a function of the seed and the step: `seek` finds any step again.
class Batches {
 public:
  /// Keeps the tokens of every stretch of every piece. Throws std::invalid_argument if no piece has two tokens or a
  /// size is not positive.
  Batches(std::span<const Piece> pieces, BatchOptions options) : options_(std::move(options)) {
    if (options_.batch < 1 || options_.steps < 1 || options_.windows < 0 || options_.augmentation.stretches.empty())
      throw std::invalid_argument(
          "Batches: batch and steps must be 1 or more, windows 0 or more, and one stretch given");
    for (const Piece& piece : pieces) {
      Source source;
      for (double factor : options_.augmentation.stretches)
        source.variants.emplace_back(tokens_of({piece.name, stretch(piece.performance, factor)}), options_.input_spec);
      const auto& grid = options_.augmentation;
      std::tie(source.lowest, source.highest) =
          allowed_transpositions(piece.performance.notes, {grid.lowest_transposition, grid.highest_transposition});
      source.shortest = source.variants.front().tokens.size();
      for (const auto& variant : source.variants) source.shortest = std::min(source.shortest, variant.tokens.size());
      if (source.shortest < 2 || source.lowest > source.highest) continue;
      places_ += source.shortest - 1;
      source.places_end = places_;
      sources_.push_back(std::move(source));
    }
    if (sources_.empty()) throw std::invalid_argument("Batches: no piece with two tokens or more to learn from");
    seek(0);
  }

  Batches(const Batches&) = delete;  ///< streams point into the pieces
  Batches& operator=(const Batches&) = delete;

  std::int64_t step() const { return step_; }  ///< batches so far

  /// Inputs in one pass over the pieces as they are: about the length of an epoch.
  std::size_t tokens_per_epoch() const { return places_; }

  /// The next `next()` gives what it gave at that step before. Costs B per step skipped.
  void seek(std::int64_t step) {
    streams_.clear();
    for (int b = 0; b < options_.batch; ++b)
      streams_.push_back({CounterRng(options_.seed, static_cast<std::uint64_t>(b))});
    for (step_ = 0; step_ < step; ++step_)
      for (Stream& stream : streams_) {
        advance(stream);
        stream.at += static_cast<std::size_t>(options_.steps);
      }
    for (Stream& stream : streams_)
      if (stream.begun && !ended(stream)) stream.cursor.start(encoded(stream), stream.at);
  }

  /// The next batch; it is the same object each time, and nothing is allocated after the first.
  const Batch& next() {
    batch_.clear(options_.batch, options_.steps, options_.input_spec.conditions.ids_per_step());
    for (std::size_t b = 0; b < streams_.size(); ++b) {
      Stream& stream = streams_[b];
      batch_.reset[b] = advance(stream);
      if (batch_.reset[b]) stream.cursor.start(encoded(stream), stream.at);
      batch_.put(options_.steps, b, stream.cursor, options_.input_spec, stream.semitones, stream.conditioned);
      stream.at += static_cast<std::size_t>(options_.steps);
    }
    ++step_;
    return batch_;
  }

 private:
  struct Source {
    std::vector<EncodedPiece> variants;  // one for each stretch
    std::size_t shortest = 0;            // tokens in the shortest of them
    std::size_t places_end = 0;          // running sum of places to begin at
    int lowest = 0, highest = 0;         // transpositions
  };
  struct Stream {
    CounterRng random;
    std::size_t source = 0, variant = 0, at = 0;  // where its next window begins
    int semitones = 0;
    int windows_left = 0;
    bool begun = false, conditioned = true;
    PieceCursor cursor = {};  // at the same place
  };

  const EncodedPiece& encoded(const Stream& stream) const { return sources_[stream.source].variants[stream.variant]; }
  bool ended(const Stream& stream) const { return stream.at + 1 >= encoded(stream).tokens.size(); }

  // Readies the stream for its next window; true if that is behind a jump.
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
      const auto source = std::ranges::upper_bound(sources_, place, {}, &Source::places_end);
      stream.source = static_cast<std::size_t>(source - sources_.begin());
      place -= source == sources_.begin() ? 0 : std::prev(source)->places_end;
    } else {
      stream.source = random.below(sources_.size());
    }
    const Source& source = sources_[stream.source];
    stream.variant = random.below(source.variants.size());
    stream.semitones =
        source.lowest + static_cast<int>(random.below(static_cast<std::uint64_t>(source.highest - source.lowest + 1)));
    // A place is one in the shortest variant; the same place of the music in this one.
    const std::size_t places = source.variants[stream.variant].tokens.size() - 1;
    stream.at = place * places / (source.shortest - 1);
    if (options_.windows > 0)
      stream.windows_left =
          (stream.begun ? options_.windows
                        : 1 + static_cast<int>(random.below(static_cast<std::uint64_t>(options_.windows)))) -
          1;
    stream.begun = true;
    if (options_.input_spec.conditions.needs_lookahead() && options_.unconditioned_one_in > 0)
      stream.conditioned = random.below(static_cast<std::uint64_t>(options_.unconditioned_one_in)) > 0;
  }

  BatchOptions options_;
  std::vector<Source> sources_;
  std::size_t places_ = 0;
  std::vector<Stream> streams_;
  std::int64_t step_ = 0;
  Batch batch_;
};

/// One pass over pieces from beginning to end, for evaluation: every token but each piece's first is a target once.
class EvaluationBatches {
 public:
  /// `batch` streams at most; pieces are dealt to the stream with the least to read, the longest first. Conditions that
  /// look ahead are told if `conditioned`.
  EvaluationBatches(std::span<const Piece> pieces, int batch, int steps, const InputSpec& input_spec = {},
                    bool conditioned = false)
      : steps_(steps), input_spec_(input_spec), conditioned_(conditioned) {
    if (batch < 1 || steps < 1) throw std::invalid_argument("EvaluationBatches: batch and steps must be 1 or more");
    for (const Piece& piece : pieces)
      if (auto tokens = tokens_of(piece); tokens.size() > 1) pieces_.emplace_back(std::move(tokens), input_spec_);
    std::ranges::stable_sort(pieces_, std::greater{}, [](const EncodedPiece& piece) { return piece.tokens.size(); });
    streams_.resize(std::min<std::size_t>(static_cast<std::size_t>(batch), pieces_.size()));
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      Stream& least = *std::ranges::min_element(streams_, {}, &Stream::load);
      least.pieces.push_back(i);
      least.load += pieces_[i].tokens.size();
      targets_ += pieces_[i].tokens.size() - 1;
    }
  }

  EvaluationBatches(const EvaluationBatches&) = delete;  ///< streams point into the pieces
  EvaluationBatches& operator=(const EvaluationBatches&) = delete;

  int batch() const { return static_cast<int>(streams_.size()); }  ///< B: no more than there are pieces
  std::size_t targets() const { return targets_; }                 ///< in the whole pass

  /// The next batch, or null after the last. Streams that have nothing left have length 0.
  const Batch* next() {
    batch_.clear(batch(), steps_, input_spec_.conditions.ids_per_step());
    for (std::size_t b = 0; b < streams_.size(); ++b) {
      Stream& stream = streams_[b];
      PieceCursor& cursor = stream.cursor;
      if (!cursor.encoded || cursor.ended()) {
        if (stream.piece == stream.pieces.size()) continue;
        cursor.start(pieces_[stream.pieces[stream.piece++]], 0);
        batch_.reset[b] = 1;
      }
      batch_.put(steps_, b, cursor, input_spec_, 0, conditioned_);
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
