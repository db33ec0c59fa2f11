// SPDX-License-Identifier: MIT
#include <rondo/music/batches.hpp>
#include <rondo/music/dataset.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "generate.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo::music;
using rondo::test::random_performance;

namespace {

std::vector<Piece> pieces(int count, int notes = 200) {
  std::vector<Piece> all;
  for (int i = 0; i < count; ++i)
    all.push_back({"piece" + std::to_string(i), random_performance(static_cast<unsigned>(i), notes + 40 * i)});
  return all;
}

std::set<std::string> names(const std::vector<Piece>& list) {
  std::set<std::string> all;
  for (const Piece& piece : list) all.insert(piece.name);
  return all;
}

constexpr Conditions kAll{.notes_per_second = true, .key = true, .active_notes = true};

/// All steps of a piece as input of a model with all conditions, computed from its tokens only.
std::vector<std::vector<Token>> expected_steps(const std::vector<Token>& tokens, bool conditioned) {
  const auto values = condition_values_per_token(tokens);
  std::set<int> down;
  bool pedal = false;
  std::vector<std::vector<Token>> steps;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Event event = event_of(tokens[i]);
    if (event.kind == EventKind::note_on) down.insert(event.value);
    if (event.kind == EventKind::note_off) down.erase(event.value);
    if (event.kind == EventKind::pedal) pedal = event.value != 0;
    std::vector<Token> ids = {tokens[i], kNoCondition, kNoCondition};
    if (conditioned) ids[1] = kVocabularyWithPedal + values[i].density;
    if (conditioned && values[i].key >= 0) ids[2] = kVocabularyWithPedal + kDensityBins + values[i].key;
    const Token first = kVocabularyWithPedal + kDensityBins + kKeys;
    for (int pitch : down)
      if (ids.size() < 19) ids.push_back(first + pitch);
    if (pedal) ids.push_back(first + kPitches);
    ids.resize(20, kNoCondition);
    steps.push_back(std::move(ids));
  }
  return steps;
}

/// The steps of column b.
std::vector<std::vector<Token>> column(const Batch& batch, std::size_t b) {
  const auto streams = batch.lengths.size(), ids = batch.inputs.size() / batch.targets.size();
  std::vector<std::vector<Token>> steps;
  for (std::size_t t = 0; t < static_cast<std::size_t>(batch.lengths[b]); ++t) {
    const auto first = batch.inputs.begin() + static_cast<std::ptrdiff_t>((t * streams + b) * ids);
    steps.emplace_back(first, first + static_cast<std::ptrdiff_t>(ids));
  }
  return steps;
}

template <class All, class Part>
bool contains(const All& all, const Part& part) {
  return std::search(all.begin(), all.end(), part.begin(), part.end()) != all.end();
}

}  // namespace

TEST_CASE("Stable hashing gives the published values") {
  CHECK(mix(0) == 0xe220a8397b1dcdafu);  // the first output of SplitMix64 from seed 0
  CHECK(stable_hash("a") != stable_hash("b"));
  CHECK(stable_hash("a", 1) != stable_hash("a", 2));
  CHECK(stable_hash("a") == mix(0xaf63dc4c8601ec8cu ^ mix(0)));  // FNV-1a of "a"
  CounterRng random(3, 4);
  std::vector<int> seen(10);
  for (int i = 0; i < 10000; ++i) ++seen[random.below(10)];
  for (int count : seen) CHECK(std::abs(count - 1000) < 150);  // five standard deviations
}

TEST_CASE("A split by name takes the named pieces") {
  const auto corpus = split_by_name(pieces(5), std::vector<std::string>{"piece3", "piece1.mid"});
  CHECK(names(corpus.valid) == std::set<std::string>{"piece1", "piece3"});
  CHECK(corpus.train.size() == 3);
  CHECK_THROWS_WITH(split_by_name(pieces(3), std::vector<std::string>{"other"}), "split: no piece is called 'other'");
  CHECK_THROWS_WITH(split_by_name(pieces(1), std::vector<std::string>{"piece0"}),
                    "split: no piece is left for training");
  CHECK_THROWS(split_by_name(pieces(2), {}));
}

TEST_CASE("A split by fraction depends on seed and names, not on order") {
  const auto all = pieces(10);
  const auto corpus = split_by_fraction(all, 0.3, 7);
  CHECK(corpus.valid.size() == 3);
  CHECK(corpus.train.size() == 7);
  const auto backwards = split_by_fraction({all.rbegin(), all.rend()}, 0.3, 7);
  CHECK(names(backwards.valid) == names(corpus.valid));
  std::set<std::set<std::string>> splits;
  for (std::uint64_t seed = 0; seed < 20; ++seed) splits.insert(names(split_by_fraction(all, 0.3, seed).valid));
  CHECK(splits.size() > 10);
  CHECK(split_by_fraction(all, 0).valid.size() == 1);  // at least one
  CHECK(split_by_fraction(all, 1).train.size() == 1);  // never all
  CHECK_THROWS(split_by_fraction(pieces(1), 0.5));
  CHECK_THROWS(split_by_fraction(all, -0.1));
}

TEST_CASE("Transposing tokens equals transposing notes; a pitch out of range is an error") {
  const auto performance = random_performance(3, 200);
  for (int semitones : {-5, 0, 7}) {
    auto tokens = encode(performance);
    transpose_tokens(tokens, semitones);
    CHECK((tokens == encode(transpose(performance, semitones))));
  }
  CHECK_THROWS_WITH(transpose(make_performance({{.pitch = 126}}), 2),
                    "transpose: pitch 126 by 2 semitones leaves 0..127");
  CHECK_THROWS(transpose(make_performance({{.pitch = 1}}), -2));
  const std::vector<Note> high = {{.pitch = 60}, {.pitch = 107}}, beyond = {{.pitch = 20}, {.pitch = 110}};
  CHECK(allowed_transpositions(high, {-3, 3}) == std::pair(-3, 1));
  CHECK(allowed_transpositions(beyond, {-3, 3}) == std::pair(0, 0));
  CHECK(allowed_transpositions({}, {-3, 3}) == std::pair(-3, 3));
}

TEST_CASE("Shifts stay on the piano and within the bins of velocities") {
  const Augmentation wanted{-5, 6, {1.0}, 3};
  const std::vector<Note> soft = {{.pitch = 104, .velocity = 9}, {.pitch = 60, .velocity = 64}};  // bins 2 and 15
  const auto range = allowed_shifts(soft, wanted);
  CHECK(range.semitones == std::pair(-5, 4));
  CHECK(range.velocity_bins == std::pair(-2, 3));
  CHECK(allowed_shifts({}, wanted).velocity_bins == std::pair(-3, 3));
  CHECK(allowed_shifts(soft, {-5, 6, {1.0}}).velocity_bins == std::pair(0, 0));
  CHECK(allowed_shifts(std::vector<Note>{{.pitch = 108}}, {1, 2, {1.0}}).empty());
  std::set<std::pair<int, int>> drawn;
  CounterRng random(1, 1);
  for (int n = 0; n < 2000; ++n) {
    const TokenShift shift = range.draw(random);
    drawn.emplace(shift.semitones, shift.velocity_bins);
  }
  CHECK(drawn.size() == 10 * 6);
  CHECK(std::ranges::all_of(
      drawn, [](const auto& d) { return d.first >= -5 && d.first <= 4 && d.second >= -2 && d.second <= 3; }));
}

TEST_CASE("A shifted token is that of the shifted event") {
  for (Token token = 0; token < kVocabularyWithPedal; ++token) {
    Event event = event_of(token);
    const TokenShift shift{event.value < 100 ? 4 : -4, event.value < 16 ? 2 : -2};
    if (event.kind == EventKind::note_on || event.kind == EventKind::note_off) event.value += shift.semitones;
    if (event.kind == EventKind::velocity) event.value += shift.velocity_bins;
    CHECK(shifted(token, shift) == token_of(event));
  }
}

TEST_CASE("Stretching multiplies every time") {
  auto performance = random_performance(4, 50);
  const auto slow = stretch(performance, 1.05);
  for (std::size_t i = 0; i < slow.notes.size(); ++i) {
    CHECK(slow.notes[i].start.value == performance.notes[i].start.value * 1.05);
    CHECK(slow.notes[i].end.value == performance.notes[i].end.value * 1.05);
  }
  for (std::size_t i = 0; i < slow.controls.size(); ++i)
    CHECK(slow.controls[i].time.value == performance.controls[i].time.value * 1.05);
  CHECK_THROWS(stretch(performance, 0));
  CHECK_THROWS(stretch(performance, -1));
}

TEST_CASE("A sweep reads every token of every piece once, in order") {
  auto list = pieces(7);
  list.push_back({"empty", {}});
  std::multiset<std::vector<Token>> expected, seen;
  std::size_t targets = 0;
  for (const Piece& piece : list)
    if (!piece.performance.notes.empty()) expected.insert(tokens_of(piece)), targets += tokens_of(piece).size() - 1;

  const int steps = 50;
  EvaluationBatches sweep(list, 3, steps);
  REQUIRE(sweep.batch() == 3);
  CHECK(sweep.targets() == targets);
  std::vector<std::vector<Token>> open(3);
  std::size_t counted = 0;
  const auto close = [&](auto& tokens) {
    if (!tokens.empty()) seen.insert(tokens);
    tokens.clear();
  };
  while (const Batch* batch = sweep.next()) {
    for (std::size_t b = 0; b < 3; ++b) {
      if (batch->reset[b]) close(open[b]);
      for (std::size_t t = 0; t < steps; ++t) {
        const Token target = batch->targets[t * 3 + b];
        REQUIRE((static_cast<int>(t) < batch->lengths[b]) == (target != kNoTarget));
        if (target == kNoTarget) continue;
        if (open[b].empty()) open[b].push_back(batch->inputs[t * 3 + b]);
        REQUIRE(batch->inputs[t * 3 + b] == open[b].back());
        open[b].push_back(target);
        ++counted;
      }
    }
  }
  for (auto& tokens : open) close(tokens);
  CHECK(counted == targets);
  CHECK((seen == expected));
}

TEST_CASE("Training batches: streams are continuous between jumps, and the state is reset only at jumps") {
  for (int windows : {0, 1, 4}) {
    const auto list = pieces(4);
    BatchOptions options{.batch = 5, .steps = 20, .windows = windows, .seed = 3};
    Batches batches(list, options);
    std::vector<Token> last(5, -1);
    std::vector<int> run(5), starts(128);
    int resets = 0;
    bool transposed = false;
    const auto plain = tokens_of(list[0]);
    for (int i = 0; i < 400; ++i) {
      const Batch& batch = batches.next();
      REQUIRE(batch.inputs.size() == 100);
      for (std::size_t b = 0; b < 5; ++b) {
        REQUIRE(batch.lengths[b] >= 1);
        const auto length = static_cast<std::size_t>(batch.lengths[b]);
        run[b] = batch.reset[b] ? 1 : run[b] + 1;
        resets += batch.reset[b];
        if (windows > 0) REQUIRE(run[b] <= windows);
        if (!batch.reset[b]) REQUIRE(batch.inputs[b] == last[b]);
        for (std::size_t t = 0; t + 1 < length; ++t) REQUIRE(batch.inputs[(t + 1) * 5 + b] == batch.targets[t * 5 + b]);
        last[b] = batch.targets[(length - 1) * 5 + b];
        for (std::size_t t = 0; t < length; ++t) transposed |= batch.inputs[t * 5 + b] == note_on(57);  // below 60
      }
    }
    CHECK(transposed);
    if (windows == 1) CHECK(resets == 2000);
    if (windows == 4) CHECK(resets > 500);
    if (windows == 0) CHECK((resets > 5 && resets < 200));
  }
}

TEST_CASE("Batches are a function of seed and step") {
  const auto list = pieces(3);
  for (int windows : {0, 1, 6}) {
    BatchOptions options{.batch = 4, .steps = 16, .windows = windows, .seed = 9};
    Batches first(list, options), again(list, options), later(list, options);
    options.seed = 10;
    Batches other(list, options);
    for (int i = 0; i < 57; ++i) first.next(), other.next();
    later.seek(57);
    CHECK(later.step() == 57);
    for (int i = 0; i < 57; ++i) again.next();
    const Batch expected = first.next();
    CHECK((again.next().inputs == expected.inputs));
    CHECK((later.next().inputs == expected.inputs));
    CHECK((later.next().reset == first.next().reset));
    CHECK_FALSE((other.next().inputs == expected.inputs));
  }
}

TEST_CASE("Without augmentation every window is part of a piece, and each token is drawn about equally often") {
  const auto list = pieces(2);
  const auto a = tokens_of(list[0]), b = tokens_of(list[1]);
  Batches batches(list, {.batch = 1, .steps = 8, .windows = 1, .augmentation = Augmentation::none()});
  CHECK(batches.tokens_per_epoch() == a.size() + b.size() - 2);
  int in_b = 0;
  for (int i = 0; i < 4000; ++i) {
    const Batch& batch = batches.next();
    std::vector<Token> window(batch.inputs.begin(), batch.inputs.begin() + batch.lengths[0]);
    window.push_back(batch.targets[window.size() - 1]);
    const bool first = std::search(a.begin(), a.end(), window.begin(), window.end()) != a.end();
    const bool second = std::search(b.begin(), b.end(), window.begin(), window.end()) != b.end();
    REQUIRE((first || second));
    in_b += !first;
  }
  const double share = static_cast<double>(b.size()) / static_cast<double>(a.size() + b.size());
  CHECK(in_b / 4000.0 == Approx(share).margin(0.04));
  CHECK_THROWS_AS(Batches({}, {}), std::invalid_argument);
  CHECK_THROWS_AS(Batches(list, {.batch = 0}), std::invalid_argument);
}

TEST_CASE("Batches with conditions: every window is part of a transposed and stretched piece, conditioned or not") {
  // Wide chords: at times more notes are active than a step can hold. After jumps into them the active notes are known.
  std::vector<Piece> list = {{"wide", random_performance(5, 260, 40)}};
  for (int pitch = 61; pitch < 80; ++pitch)
    list[0].performance.notes.push_back({.start = {1.0}, .end = {4.0}, .pitch = static_cast<std::uint8_t>(pitch)});
  std::vector<std::vector<std::vector<Token>>> with_conditions, without_conditions;
  for (double factor : {1.0, 1.05})
    for (int semitones = -3; semitones <= 3; ++semitones) {
      const auto tokens = tokens_of({"", transpose(stretch(list[0].performance, factor), semitones)});
      with_conditions.push_back(expected_steps(tokens, true));
      without_conditions.push_back(expected_steps(tokens, false));
    }
  for (int windows : {0, 1, 5}) {
    Batches batches(list, {.batch = 3,
                           .steps = 25,
                           .windows = windows,
                           .seed = 4,
                           .augmentation = {-3, 3, {1.0, 1.05}},
                           .input_spec = {kVocabularyWithPedal, kAll},
                           .unconditioned_one_in = 4});
    std::vector<bool> conditioned_now(3);
    int jumps = 0, unconditioned_jumps = 0;
    std::set<std::size_t> variants;
    for (int i = 0; i < 150; ++i) {
      const Batch& batch = batches.next();
      for (std::size_t b = 0; b < 3; ++b) {
        const auto window = column(batch, b);
        const auto place = [&](const auto& all) {
          return std::find_if(all.begin(), all.end(), [&](const auto& steps) { return contains(steps, window); }) -
                 all.begin();
        };
        const auto in_conditioned = static_cast<std::size_t>(place(with_conditions)),
                   in_unconditioned = static_cast<std::size_t>(place(without_conditions));
        INFO("windows " << windows << ", batch " << i << ", stream " << b);
        REQUIRE((in_conditioned < with_conditions.size()) != (in_unconditioned < without_conditions.size()));
        const bool conditioned = in_conditioned < with_conditions.size();
        variants.insert(conditioned ? in_conditioned : in_unconditioned);
        if (batch.reset[b]) ++jumps, unconditioned_jumps += !conditioned;
        if (!batch.reset[b]) REQUIRE(conditioned_now[b] == conditioned);  // until the next jump
        conditioned_now[b] = conditioned;
        for (std::size_t t = 0; t + 1 < window.size(); ++t) REQUIRE(batch.targets[t * 3 + b] == window[t + 1][0]);
      }
    }
    CHECK(variants.size() > 10 - 5 * (windows == 0));
    if (windows == 1)
      CHECK((unconditioned_jumps > jumps / 4 - 40 &&
             unconditioned_jumps < jumps / 4 + 40));  // 450 jumps: 9 is one deviation
  }
  for (int rarity : {0, 1}) {  // never unconditioned; always
    Batches batches(
        list, {.batch = 2, .windows = 1, .input_spec = {kVocabularyWithPedal, kAll}, .unconditioned_one_in = rarity});
    for (int i = 0; i < 60; ++i) {
      const Batch& batch = batches.next();
      for (std::size_t b = 0; b < 2; ++b) REQUIRE((column(batch, b).front()[1] != kNoCondition) == (rarity == 0));
    }
  }
}

TEST_CASE("Batches with conditions are a function of seed and step, also the active notes after a seek") {
  const auto list = pieces(3);
  for (int windows : {0, 1, 6})
    for (int steps : {1, 3, 57}) {
      INFO("windows " << windows << ", seek to " << steps);
      const BatchOptions options{
          .batch = 4, .steps = 16, .windows = windows, .seed = 9, .input_spec = {kVocabularyWithPedal, kAll}};
      Batches sequential(list, options), seeked(list, options);
      for (int i = 0; i < steps; ++i) sequential.next();
      for (int i = 0; i < 9; ++i) seeked.next();  // seeks back as well
      seeked.seek(steps);
      for (int i = 0; i < 12; ++i) {
        const Batch& wanted = sequential.next();
        const Batch& got = seeked.next();
        REQUIRE(got.inputs == wanted.inputs);
        REQUIRE(got.targets == wanted.targets);
        REQUIRE(got.reset == wanted.reset);
        REQUIRE(got.lengths == wanted.lengths);
      }
    }
}

TEST_CASE("A sweep includes conditions that look ahead only on request, and active notes always") {
  const std::vector<Piece> list = {{"one", random_performance(7, 150, 30)}};
  const auto tokens = tokens_of(list[0]);
  for (bool conditioned : {false, true}) {
    EvaluationBatches sweep(list, 2, 40, {kVocabularyWithPedal, kAll}, conditioned);
    std::vector<std::vector<Token>> seen;
    while (const Batch* batch = sweep.next())
      for (auto& step : column(*batch, 0)) seen.push_back(std::move(step));
    auto wanted = expected_steps(tokens, conditioned);
    wanted.pop_back();  // nothing follows the last
    CHECK((seen == wanted));
  }
  EvaluationBatches sweep(list, 1, 40, {kVocabularyWithPedal, kAll});
  CHECK((column(*sweep.next(), 0).front() == expected_steps(tokens, false).front()));
}

TEST_CASE("Past the end of a stream inputs are 0 and unconditioned") {
  const std::vector<Piece> list = {{"short", random_performance(7, 4)}};
  EvaluationBatches sweep(list, 1, 200, {kVocabularyWithPedal, kAll}, true);
  const Batch* batch = sweep.next();
  REQUIRE(batch != nullptr);
  const int end = batch->lengths[0];
  REQUIRE((end > 2 && end < 200));
  for (auto t = static_cast<std::size_t>(end); t < 200; ++t) {
    REQUIRE(batch->targets[t] == kNoTarget);
    for (std::size_t k = 0; k < 20; ++k) REQUIRE(batch->inputs[t * 20 + k] == (k == 0 ? 0 : kNoCondition));
  }
}

TEST_CASE("The columns of a part of a batch are those of the whole") {
  const auto list = pieces(4);
  const BatchOptions options{.batch = 7, .steps = 16, .windows = 3, .input_spec = {kVocabularyWithPedal, kAll}};
  Batches whole(list, options);
  BatchOptions own = options;
  own.first_stream = 2, own.streams = 3;
  Batches part(list, own);
  for (int step = 0; step < 20; ++step) {
    const Batch &all = whole.next(), &columns = part.next();
    REQUIRE(columns.lengths.size() == 3);
    std::size_t tokens = 0;
    for (std::size_t b = 0; b < 3; ++b) {
      REQUIRE(column(columns, b) == column(all, b + 2));
      REQUIRE(columns.reset[b] == all.reset[b + 2]);
      tokens += static_cast<std::size_t>(all.lengths[b + 2]);
    }
    REQUIRE(columns.tokens == tokens);
  }
  own.first_stream = 5;
  CHECK_THROWS_WITH(Batches(list, own), "Batches: streams 5 to 7 are not all of 0 to 6");
}
