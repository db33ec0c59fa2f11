// SPDX-License-Identifier: MIT
// n-gram models: the baseline that a network has to beat. Interpolated absolute discounting (Ney, Essen and Kneser
// 1994):
//
//   p_n(w | h) = max(c(h w) - D, 0) / c(h) + D N(h) / c(h) p_{n-1}(w | h')      p_0(w) = 1 / V
//
// h are the n - 1 tokens before w, h' the n - 2 before it, c the counts in the training set, N(h) the number of
// different tokens seen after h, V the size of the vocabulary. If h was never seen, p_n is p_{n-1}.
#pragma once

#include "piano/music_names.hpp"

#include <rondo/music/dataset.hpp>
#include <rondo/music/hash.hpp>
#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace piano {

class NGram {
 public:
  static constexpr int kMaxOrder = 6;  // six tokens of ten bits and a length fit in a key

  /// Throws std::invalid_argument unless 1 <= order <= kMaxOrder, 0 < vocabulary <= 1024 and 0 < discount < 1.
  NGram(int order, int vocabulary, double discount = 0.75)
      : order_(order), vocabulary_(vocabulary), discount_(discount) {
    if (order < 1 || order > kMaxOrder || vocabulary < 1 || vocabulary > 1024 || !(discount > 0 && discount < 1))
      throw std::invalid_argument("NGram: order " + std::to_string(order) + ", vocabulary " +
                                  std::to_string(vocabulary) + ", discount " + std::to_string(discount));
  }

  int order() const { return order_; }

  /// Counts the n-grams of one piece.
  void count(std::span<const Token> tokens) {
    visit(tokens, [this](Key history, Key whole) {
      Context& context = contexts_[history];
      ++context.total;
      context.types += counts_[whole]++ == 0;
    });
  }

  /// Subtracts a piece that was counted.
  void subtract(std::span<const Token> tokens) {
    visit(tokens, [this](Key history, Key whole) {
      const auto context = contexts_.find(history);
      const auto seen = counts_.find(whole);
      if (context == contexts_.end() || seen == counts_.end())
        throw std::logic_error("NGram: a piece that was not counted cannot be subtracted");
      if (--seen->second == 0) counts_.erase(seen), --context->second.types;
      if (--context->second.total == 0) contexts_.erase(context);
    });
  }

  /// p(next | history), of the model of order `n` (1..order); it depends on the last n - 1 tokens.
  double probability(std::span<const Token> history, Token next, int n) const {
    check(next);
    double p = 1.0 / vocabulary_;
    Key key = kEmpty;
    for (int k = 1; k <= n && static_cast<std::size_t>(k) <= history.size() + 1; ++k) {
      if (k > 1) key = extend(key, history[history.size() - static_cast<std::size_t>(k) + 1]);
      const auto context = contexts_.find(key);
      if (context == contexts_.end()) break;  // then no longer history was seen, either
      const auto seen = counts_.find(extend(key, next));
      const double count = seen == counts_.end() ? 0.0 : seen->second;
      p = (std::max(count - discount_, 0.0) + discount_ * context->second.types * p) / context->second.total;
    }
    return p;
  }
  double probability(std::span<const Token> history, Token next) const { return probability(history, next, order_); }

  /// -ln p of a whole piece in nats, from its first token on.
  double nll(std::span<const Token> tokens, int n) const {
    double sum = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) sum -= std::log(probability(tokens.first(i), tokens[i], n));
    return sum;
  }

 private:
  // A leading 1, then ten bits for each token: the history from its latest token to its oldest, so that the key of a
  // longer history extends the key of the shorter one; then the token that follows it, if any.
  using Key = std::uint64_t;
  static constexpr Key kEmpty = 1;
  static Key extend(Key key, Token token) { return key << 10 | static_cast<Key>(token); }

  // Calls each(history, history and token) for each token and each history of 0 to order - 1 tokens.
  template <class Visit>
  void visit(std::span<const Token> tokens, Visit&& each) const {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      check(tokens[i]);
      Key history = kEmpty;
      for (int n = 1; n <= order_ && static_cast<std::size_t>(n) <= i + 1; ++n) {
        if (n > 1) history = extend(history, tokens[i - static_cast<std::size_t>(n) + 1]);
        each(history, extend(history, tokens[i]));
      }
    }
  }

  struct Hash {
    std::size_t operator()(Key key) const { return static_cast<std::size_t>(rondo::music::mix(key)); }
  };
  struct Context {
    std::uint32_t total = 0, types = 0;
  };

  void check(Token token) const {
    if (token < 0 || token >= vocabulary_)
      throw std::out_of_range("NGram: token " + std::to_string(token) + ", wanted 0.." +
                              std::to_string(vocabulary_ - 1));
  }

  int order_, vocabulary_;
  double discount_;
  std::unordered_map<Key, Context, Hash> contexts_;
  std::unordered_map<Key, std::uint32_t, Hash> counts_;
};

/// Nats per token on the evaluated pieces, with the counts of the training pieces (without augmentation).
struct Baselines {
  double uniform = 0, unigram = 0, bigram = 0, trigram = 0, fourgram = 0;
  std::vector<std::string> leave_one_out;  // names of evaluated pieces that are training pieces, too
};

/// An evaluated piece that is also a training piece (the same tokens, whatever its name) is evaluated with the counts
/// of the others: counts that include a piece predict it too well to be a fair baseline. Throws std::invalid_argument
/// if there is no token to evaluate on.
inline Baselines ngram_baselines(std::span<const Piece> train, std::span<const Piece> evaluated, int vocabulary) {
  NGram model(4, vocabulary);
  std::vector<std::vector<Token>> known;
  for (const Piece& piece : train) model.count(known.emplace_back(tokens_of(piece)));
  Baselines baselines;
  std::array<double, 5> nll{};
  std::size_t tokens = 0;
  for (const Piece& piece : evaluated) {
    const auto tokens_of_piece = tokens_of(piece);
    const auto copies = std::ranges::count(known, tokens_of_piece);
    for (auto k = copies; k > 0; --k) model.subtract(tokens_of_piece);
    tokens += tokens_of_piece.size();
    for (int n = 1; n <= 4; ++n) nll[static_cast<std::size_t>(n)] += model.nll(tokens_of_piece, n);
    for (auto k = copies; k > 0; --k) model.count(tokens_of_piece);
    if (copies > 0) baselines.leave_one_out.push_back(piece.name);
  }
  if (tokens == 0) throw std::invalid_argument("ngram_baselines: no tokens to evaluate on");
  const auto per_token = [&](std::size_t n) { return nll[n] / static_cast<double>(tokens); };
  baselines.uniform = std::log(vocabulary);
  baselines.unigram = per_token(1), baselines.bigram = per_token(2), baselines.trigram = per_token(3);
  baselines.fourgram = per_token(4);
  return baselines;
}

}  // namespace piano
