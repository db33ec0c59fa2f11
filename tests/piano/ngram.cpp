// SPDX-License-Identifier: MIT
#include "piano/evaluation/ngram.hpp"

#include <rondo/music/load.hpp>

#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "music/generate.hpp"
#include "support/catch.hpp"

using namespace piano;
using namespace rondo::music;

namespace {

// The formula as written: every count is a search through the text.
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
  CHECK(model.probability(std::vector<Token>{3}, 1) == Approx(0.3125));  // an unseen history
  CHECK(model.nll(std::vector<Token>{1, 0}, 1) == Approx(-std::log(0.3125) - std::log(2.5 / 6 + 0.0625)));
  CHECK_THROWS_AS(model.count(std::vector<Token>{4}), std::out_of_range);
  CHECK_THROWS_AS(NGram(7, 388), std::invalid_argument);
  CHECK_THROWS_AS(NGram(2, 388, 1.0), std::invalid_argument);
}

TEST_CASE("Subtracting a piece undoes counting it") {
  std::mt19937 random(3);
  const auto piece = [&] {
    std::vector<Token> tokens;
    for (int i = 0; i < 200; ++i) tokens.push_back(static_cast<Token>(random() % 5));
    return tokens;
  };
  const auto a = piece(), b = piece();
  NGram both(4, 8), only(4, 8);
  both.count(a), both.count(b), both.subtract(a);
  only.count(b);
  for (int n = 1; n <= 4; ++n) CHECK(both.nll(a, n) == Approx(only.nll(a, n)).epsilon(1e-12));
  CHECK_THROWS_AS(only.subtract(a), std::logic_error);
}

TEST_CASE("Baselines of a training piece are leave-one-out") {
  const auto piece = [](const char* name, unsigned seed) {
    Piece made{name, rondo::test::random_performance(seed, 200, 12, true)};
    made.performance.controls.clear();
    return made;
  };
  const std::vector<Piece> pieces = {piece("a", 1), piece("b", 2), piece("c", 3)};
  const auto renamed = std::vector<Piece>{piece("another name", 1)};
  const auto honest = ngram_baselines(std::span(pieces).subspan(1), renamed, kVocabulary);
  const auto baselines = ngram_baselines(pieces, renamed, kVocabulary);
  CHECK((baselines.leave_one_out == std::vector<std::string>{"another name"}));
  CHECK(baselines.trigram == Approx(honest.trigram).epsilon(1e-12));
  CHECK(honest.leave_one_out.empty());
  // With its own counts the piece would be predicted too well.
  NGram unfair(4, kVocabulary);
  for (const Piece& p : pieces) unfair.count(tokens_of(p));
  const auto tokens = tokens_of(pieces[0]);
  CHECK(unfair.nll(tokens, 3) / static_cast<double>(tokens.size()) < honest.trigram - 0.5);
  // Evaluated together, each is predicted by the counts of the other two.
  const auto all = ngram_baselines(pieces, pieces, kVocabulary);
  CHECK(all.leave_one_out.size() == 3);
  CHECK(all.uniform == Approx(std::log(kVocabulary)));
  CHECK(all.bigram > baselines.bigram - 1);
  CHECK_THROWS_AS(ngram_baselines(pieces, {}, kVocabulary), std::invalid_argument);
}

TEST_CASE("MAESTRO: n-gram baselines") {
  const std::vector<std::filesystem::path> folder = {std::filesystem::path(RONDO_TEST_DATA) / "maestro10"};
  if (!std::filesystem::exists(folder[0])) {
    WARN("skipped: no data in " RONDO_TEST_DATA);
    return;
  }
  const Corpus corpus = split_by_name(load_pieces(folder, PedalMode::extend).pieces,
                                      std::vector<std::string>{"Maestro_8", "Maestro_9.mid"});
  const Baselines baselines = ngram_baselines(corpus.train, corpus.valid, kVocabulary);
  CHECK(baselines.uniform == Approx(5.961).margin(0.001));
  CHECK(baselines.unigram == Approx(4.801).margin(0.001));
  CHECK(baselines.bigram == Approx(4.094).margin(0.001));
  CHECK(baselines.trigram == Approx(4.087).margin(0.001));
  CHECK(baselines.fourgram == Approx(4.207).margin(0.001));
}
