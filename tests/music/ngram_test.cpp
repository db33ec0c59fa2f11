// SPDX-License-Identifier: MIT
#include <rondo/music/ngram.hpp>

#include <map>
#include <random>
#include <set>

#include "support/catch.hpp"

using namespace rondo::music;

namespace {

// The formula word for word: every count is a search through the text.
double naive(const std::vector<std::vector<Token>>& text, std::vector<Token> history, Token next, int vocabulary,
             double d) {
  int total = 0, count = 0;
  std::set<Token> types;
  for (const auto& piece : text)
    for (std::size_t i = history.size(); i < piece.size(); ++i)
      if (std::equal(history.begin(), history.end(), piece.begin() + static_cast<long>(i - history.size()))) {
        ++total;
        count += piece[i] == next;
        types.insert(piece[i]);
      }
  const double lower =
      history.empty() ? 1.0 / vocabulary : naive(text, {history.begin() + 1, history.end()}, next, vocabulary, d);
  if (total == 0) return lower;
  return std::max(count - d, 0.0) / total + d * static_cast<double>(types.size()) / total * lower;
}

}  // namespace

TEST_CASE("n-grams agree with the formula, counted naively") {
  std::mt19937 random(2);
  std::vector<std::vector<Token>> text(3);
  for (auto& piece : text)
    for (int i = 0; i < 120; ++i)
      piece.push_back(piece.empty() || random() % 3 == 0 ? static_cast<Token>(random() % 6)
                                                         : (piece.back() * 2 + static_cast<Token>(random() % 2)) % 6);
  NGram model(4, 8);
  for (const auto& piece : text) model.count(piece);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<Token> history(random() % 6);
    for (Token& token : history) token = static_cast<Token>(random() % 8);
    const auto next = static_cast<Token>(random() % 8);
    for (int n = 1; n <= 4; ++n) {
      const std::size_t used = std::min<std::size_t>(history.size(), static_cast<std::size_t>(n) - 1);
      CHECK(
          model.probability(history, next, n) ==
          Approx(naive(text, {history.end() - static_cast<long>(used), history.end()}, next, 8, 0.75)).epsilon(1e-12));
    }
    double sum = 0;
    for (Token token = 0; token < 8; ++token) sum += model.probability(history, token);
    CHECK(sum == Approx(1).epsilon(1e-12));
  }
}

TEST_CASE("A bigram worked by hand") {
  NGram model(2, 4, 0.5);
  const std::vector<Token> text = {0, 1, 0, 1, 0, 2};
  model.count(text);
  // p(1) = (2 - .5) / 6 + .5 * 3 / 6 / 4 = .3125; p(1 | 0) = (2 - .5) / 3 + .5 * 2 / 3 * .3125
  CHECK(model.probability({}, 1) == Approx(0.3125));
  CHECK(model.probability(std::vector<Token>{0}, 1) == Approx(0.5 + 0.3125 / 3));
  CHECK(model.probability(std::vector<Token>{3}, 1) == Approx(0.3125));  // a history never seen
  CHECK(model.nll(std::vector<Token>{1, 0}, 1) == Approx(-std::log(0.3125) - std::log(2.5 / 6 + 0.0625)));
  CHECK_THROWS_AS(model.count(std::vector<Token>{4}), std::out_of_range);
  CHECK_THROWS_AS(NGram(7, 388), std::invalid_argument);
  CHECK_THROWS_AS(NGram(2, 388, 1.0), std::invalid_argument);
}
