// SPDX-License-Identifier: MIT
#include "piano/evaluation/memorisation.hpp"
#include <rondo/music/augment.hpp>
#include "piano/evaluation/copy_detector.hpp"

#include <random>

#include "support/catch.hpp"

using namespace rondo;
using namespace piano;
using namespace rondo::music;

namespace {

// Notes 0.1 s apart, some of them in a chord with the one before.
Performance melody(unsigned seed, int count, int pitches) {
  std::mt19937 random(seed);
  std::vector<Note> notes;
  double now = 0;
  for (int i = 0; i < count; ++i) {
    if (random() % 4 != 0) now += 0.1;
    notes.push_back({.start = {now},
                     .end = {now + 0.2},
                     .pitch = static_cast<std::uint8_t>(60 + random() % static_cast<unsigned>(pitches))});
  }
  return make_performance(std::move(notes));
}

struct Plain {
  int pitch;
  bool joined;
};
std::vector<Plain> plain(const Performance& performance) {
  auto notes = performance.notes;
  std::ranges::stable_sort(notes, {}, [](const Note& n) { return std::pair(n.start, n.pitch); });
  std::vector<Plain> all;
  for (std::size_t i = 0; i < notes.size(); ++i)
    all.push_back({notes[i].pitch, i > 0 && notes[i].start.value - notes[i - 1].start.value < 0.01});
  return all;
}

// The longest run from each pair of positions, compared note by note.
struct Brute {
  std::size_t longest = 0;
  double share = 0;
};
Brute brute(const std::vector<Piece>& pieces, const Performance& output, bool transposed) {
  const auto out = plain(output);
  std::vector<bool> inside(out.size());
  Brute result;
  for (const Piece& piece : pieces) {
    const auto notes = plain(piece.performance);
    for (std::size_t i = 0; i < out.size(); ++i)
      for (std::size_t j = 0; j < notes.size(); ++j) {
        const int shift = transposed ? out[i].pitch - notes[j].pitch : 0;
        std::size_t n = 0;
        while (i + n < out.size() && j + n < notes.size() && out[i + n].pitch - notes[j + n].pitch == shift &&
               (n == 0 || out[i + n].joined == notes[j + n].joined))
          ++n;
        if (n < 2) continue;
        result.longest = std::max(result.longest, n);
        if (n >= kMinRunLength) std::fill_n(inside.begin() + static_cast<long>(i), n, true);
      }
  }
  result.share = static_cast<double>(std::count(inside.begin(), inside.end(), true)) / static_cast<double>(out.size());
  return result;
}

}  // namespace

TEST_CASE("Suffix arrays find the same longest match as an exhaustive search") {
  std::mt19937 random(1);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<std::int32_t> text(random() % 200);
    for (auto& symbol : text) symbol = static_cast<std::int32_t>(random() % 3) - 1;
    const SuffixArray array(text);
    for (int q = 0; q < 20; ++q) {
      std::vector<std::int32_t> query(random() % 12);
      for (auto& symbol : query) symbol = static_cast<std::int32_t>(random() % 3) - 1;
      std::size_t longest = 0;
      for (std::size_t i = 0; i < text.size(); ++i) {
        std::size_t n = 0;
        while (n < query.size() && i + n < text.size() && text[i + n] == query[n]) ++n;
        longest = std::max(longest, n);
      }
      const auto match = array.longest_prefix(query);
      REQUIRE(match.length == longest);
      REQUIRE(std::equal(query.begin(), query.begin() + static_cast<long>(longest),
                         text.begin() + static_cast<long>(match.at)));
    }
  }
}

TEST_CASE("Memorisation agrees with an exhaustive search") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::vector<Piece> pieces;
    for (unsigned i = 0; i < 3; ++i) pieces.push_back({std::to_string(i), melody(100 * seed + i, 150, 4)});
    const Performance output = melody(100 * seed + 50, 120, 4);
    const Memorisation found = TrainingSetIndex(pieces).compare(output);
    const Brute exact = brute(pieces, output, false), transposed = brute(pieces, output, true);
    CHECK(exact.longest > 3);
    CHECK(found.exact.length == exact.longest);
    CHECK(found.transposed.length == transposed.longest);
    CHECK(found.exact_share == Approx(exact.share));
    CHECK(found.transposed_share == Approx(transposed.share));
  }
}

TEST_CASE("A copied passage is found with its position, length and transposition") {
  std::vector<Piece> pieces;
  for (unsigned i = 0; i < 4; ++i) pieces.push_back({std::to_string(i), melody(i, 400, 40)});
  Performance output = melody(77, 60, 40);
  // 30 notes of piece 2, three semitones higher and 20 % slower, 12 ms apart within chords.
  const auto source = pieces[2].performance.notes;
  const double gap = output.notes.back().start.value + 1;
  std::vector<Note> copied(source.begin() + 100, source.begin() + 130);
  while (copied.front().start == source[99].start || copied.back().start == source[130].start)
    FAIL("choose a place between chords");
  const double from = copied.front().start.value;
  for (std::size_t i = 0; i < copied.size(); ++i) {
    Note note = copied[i];
    note.start = {gap + 1.2 * (note.start.value - from) + 0.004 * static_cast<double>(i % 3)};
    note.end = note.start + midi::Seconds{0.1};
    note.pitch = static_cast<std::uint8_t>(note.pitch + 3);
    output.notes.push_back(note);
  }
  const Memorisation found = TrainingSetIndex(pieces).compare(output);
  CHECK(found.transposed.length == 30);
  CHECK(found.transposed.piece == "2");
  CHECK(found.transposed.piece_note == 100);
  CHECK(found.transposed.piece_seconds == Approx(from));
  CHECK(found.transposed.note == 60);
  CHECK(found.transposed.semitones == 3);
  CHECK(found.transposed_share == Approx(30.0 / 90));
  CHECK(found.exact.length < 8);
  CHECK(found.exact_share == 0);

  CHECK(TrainingSetIndex(pieces).compare(transpose(output, -3)).exact.length == 30);
  CHECK(TrainingSetIndex(pieces).compare(pieces[1].performance).exact_share == 1);
  CHECK(TrainingSetIndex(pieces).compare({}).exact.length == 0);
  CHECK(TrainingSetIndex({}).compare(output).transposed.length == 0);
}

TEST_CASE("Chords do not depend on rounding") {
  // Chords over three steps of 10 ms, as tokens encode them: 0.30 + 0.03 is not 0.33 in binary.
  const auto spread = [](int first_step) {
    std::vector<Note> notes;
    for (int i = 0; i < 40; ++i)
      for (int k : {0, 3}) {
        const double start = (first_step + 17 * i + k) / 100.0;
        notes.push_back({.start = {start}, .end = {start + 0.1}, .pitch = static_cast<std::uint8_t>(40 + i + 12 * k)});
      }
    return make_performance(std::move(notes));
  };
  const TrainingSetIndex training(std::vector<Piece>{{"early", spread(0)}});
  for (int later = 1; later < 60; ++later) CHECK(training.compare(spread(later)).exact.length == 80);
}

TEST_CASE("A repetitive corpus is not slower than others") {
  std::vector<Piece> pieces;
  for (int i = 0; i < 10; ++i) pieces.push_back({"copy", melody(1, 3000, 30)});
  const TrainingSetIndex notes(pieces);
  CHECK(notes.compare(pieces[0].performance).exact.length == 3000);
}

TEST_CASE("A copied passage has a bar number if the piece has bars") {
  Piece piece{"known", melody(3, 200, 40)};
  const auto& notes = piece.performance.notes;
  // An upbeat of 10 notes, then bars of 20, the second of them repeated.
  for (std::size_t n : {0u, 10u, 30u, 50u, 70u}) piece.bars.push_back({notes[n].start.value, 0});
  const int numbers[] = {0, 1, 2, 2, 3};
  for (std::size_t b = 0; b < 5; ++b) piece.bars[b].number = numbers[b];
  const TrainingSetIndex training(std::vector<Piece>{piece, {"unknown", melody(4, 200, 40)}});
  const auto bar_of_copy = [&](const Performance& source, long from) {
    return training.compare(make_performance({source.notes.begin() + from, source.notes.begin() + from + 15})).exact;
  };
  for (const auto& [from, bar] : {std::pair{0L, 0}, {12, 1}, {35, 2}, {52, 2}, {150, 3}}) {
    const SharedRun run = bar_of_copy(piece.performance, from);
    CHECK(run.piece == "known");
    CHECK(run.length >= 14);
    CHECK(run.bar == bar);
  }
  const SharedRun elsewhere = bar_of_copy(melody(4, 200, 40), 20);
  CHECK(elsewhere.piece == "unknown");
  CHECK_FALSE(elsewhere.bar.has_value());
}

TEST_CASE("Copies are flagged, music with as much in common as held-out music is not") {
  std::vector<Piece> train, held_out;
  for (unsigned i = 0; i < 4; ++i) train.push_back({std::to_string(i), melody(i, 600, 30)});
  for (unsigned i = 10; i < 14; ++i) held_out.push_back({std::to_string(i), melody(i, 600, 30)});
  const TrainingSetIndex training(train);
  const CopyDetector detector(training, held_out, 10);
  CHECK(detector.excerpts() >= 16);
  CHECK(detector.excluded() == 0);
  // What the excerpts have in common with the training pieces, one by one.
  std::size_t longest = 0, count = 0;
  double share = 0, run = 0;
  for (const Piece& piece : held_out)
    for (const Performance& excerpt : cut_windows(piece.performance, 10)) {
      const auto m = training.compare(excerpt);
      longest = std::max(longest, m.transposed.length);
      share = std::max(share, m.transposed_share);
      run += static_cast<double>(m.transposed.length);
      ++count;
    }
  CHECK(detector.transposed().longest_run == longest);
  CHECK(detector.transposed().highest_share == share);
  CHECK(detector.transposed().mean_run == Approx(run / static_cast<double>(count)));

  const auto with_copy = [&](int copied, int own, int semitones) {
    Performance p = melody(99, own, 30);
    const double gap = own > 0 ? p.notes.back().start.value + 1 : 0;
    const auto moved = transpose(train[1].performance, semitones);
    for (int i = 0; i < copied; ++i) {
      Note note = moved.notes[static_cast<std::size_t>(i)];
      note.start.value += gap, note.end.value += gap;
      p.notes.push_back(note);
    }
    return training.compare(p);
  };
  CHECK_FALSE(detector.copied(with_copy(0, 100, 0)));
  CHECK_FALSE(detector.copied(with_copy(12, 20, 0)));   // a high share, but a short run
  CHECK_FALSE(detector.copied(with_copy(20, 200, 0)));  // a long run, but a low share
  CHECK(detector.copied(with_copy(40, 60, 0)));
  CHECK(detector.copied(with_copy(80, 20, 0)));
  CHECK_FALSE(detector.copied(with_copy(30, 60, 2)));
  CHECK(detector.copied(with_copy(80, 20, 2)));

  // Held-out pieces that are training pieces in another file do not raise the thresholds.
  held_out.push_back({"again", train[2].performance});
  const CopyDetector careful(training, held_out, 10);
  CHECK(careful.excluded() >= 4);
  CHECK(careful.exact_threshold().run == detector.exact_threshold().run);
  CHECK(careful.excerpts() == detector.excerpts());

  // Music that naturally has much in common raises them: the same few notes everywhere.
  std::vector<Piece> narrow_train = {{"a", melody(1, 600, 2)}}, narrow = {{"b", melody(2, 2000, 2)}};
  const CopyDetector wide(TrainingSetIndex(narrow_train), narrow, 10);
  CHECK(wide.transposed_threshold().share > CopyDetector::kMinThresholdTransposed.share);

  // No held-out pieces: fixed thresholds.
  const CopyDetector alone(training, {}, 10);
  CHECK(alone.excerpts() == 0);
  CHECK(alone.exact_threshold().run == CopyDetector::kMinThreshold.run);
  CHECK(alone.copied(with_copy(40, 60, 0)));
  CHECK_FALSE(alone.copied(with_copy(0, 100, 0)));
}
