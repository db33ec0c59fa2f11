// SPDX-License-Identifier: MIT
// The instrument of the pages: stretches that it fills, and what it learns from the music that it is given.
#include "piano/instrument/instrument.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "piano/random_models.hpp"
#include "support/catch.hpp"

using namespace piano;
using namespace rondo_test;

namespace {

constexpr Span kGap{7, 9.5};
constexpr AdaptationSettings kQuick{.window = 16, .learning_rate = 1e-2, .pull = 0};

PlayableModel playable(unsigned seed) {
  return {music::PedalMode::extend, kPageSpec.conditions, kPageSpec.grammar, random_model(kPageSpec, seed)};
}

/// A small network as it is initialised, which learns quickly.
PlayableModel untrained() {
  return new_model(music::PedalMode::extend, kPageSpec.conditions, kPageSpec.grammar, 12, 16, 1, 3);
}

using Row = std::tuple<std::int64_t, std::int64_t, int, int, bool>;

/// Start, end, pitch, velocity of each note, times in steps; whether it was given.
std::vector<Row> rows(const GeneratedPiece& piece, double later = 0) {
  std::vector<Row> all;
  for (std::size_t i = 0; i < piece.performance.notes.size(); ++i) {
    const music::Note& note = piece.performance.notes[i];
    all.emplace_back(music::to_step({note.start.value + later}), music::to_step({note.end.value + later}), note.pitch,
                     note.velocity, piece.given[i]);
  }
  return all;
}

GeneratedPiece completed(Instrument& instrument) {
  while (!instrument.run(0.002)) {
  }
  return instrument.result();
}

/// A broken chord, again and again.
music::Performance broken_chord(int notes) {
  std::vector<music::Note> all;
  for (int i = 0; i < notes; ++i) {
    const double start = 0.2 * i;
    all.push_back({.start = {start},
                   .end = {start + 0.15},
                   .pitch = static_cast<std::uint8_t>(60 + (i % 3) * 4),
                   .velocity = 64});
  }
  return music::make_performance(std::move(all));
}

struct Session {
  std::vector<double> nats;  // per token of each repetition
  std::vector<std::tuple<std::int64_t, int, int>> answer;
};

/// Plays a phrase 40 times, ten times more with the settings `after_40`, then lets the model answer for two seconds.
Session play_live(Instrument& instrument, const InstrumentSettings& settings,
                  const InstrumentSettings* after_40 = nullptr) {
  instrument.begin_live(settings);
  Session all;
  std::int64_t now = 0;
  double nats = 0, tokens = 0;
  for (int i = 0; i < (after_40 ? 50 : 40); ++i) {
    if (i == 40) instrument.set_live(*after_40);
    for (const int pitch : {60, 64, 67, 72}) {
      instrument.live_key(now, pitch, 64);
      instrument.live_key(now + 15, pitch, 0);
      instrument.learn_live();
      now += 20;
    }
    const Live& live = instrument.live();
    all.nats.push_back((live.given_nats() - nats) / (static_cast<double>(live.given_tokens()) - tokens));
    nats = live.given_nats(), tokens = static_cast<double>(live.given_tokens());
  }
  instrument.live().begin_turn(now);
  instrument.live().generate(now + 200, 5000);
  for (const LiveEvent& e : instrument.live().events()) all.answer.emplace_back(e.step - now, e.pitch, e.velocity);
  return all;
}

}  // namespace

TEST_CASE("A stretch that the instrument fills is the program's infill, wherever the music begins") {
  const Primer primer = random_primer(4, 20);
  const InstrumentSettings settings{.sampling = {.min_p = 0.02}, .seed = 5, .key = 7};
  Request request{.plan = {}, .sampling = settings.sampling, .seed = settings.seed};
  request.condition_values = settings.apply(condition_values_of(primer_of(primer.performance, 1e9).performance));
  const PlayableModel model = playable(3);
  const Infills expected =
      infill(model.network, kPageSpec, primer.performance, kGap, request, 1, kOpening, {.candidates = 12});
  for (const double later : {0.0, 2.5}) {
    auto notes = primer.performance.notes;
    for (music::Note& note : notes) note.start.value += later, note.end.value += later;
    Instrument instrument(playable(3));
    instrument.begin_infill(music::make_performance(notes), {kGap.begin + later, kGap.end + later}, 12, settings);
    const GeneratedPiece piece = completed(instrument);
    CHECK(rows(piece) == rows(expected.outputs[0].piece, later));
    CHECK(std::ranges::count(piece.given, false) > 3);
  }
  Instrument instrument(playable(3));
  CHECK_THROWS_WITH(instrument.begin_infill(primer.performance, {5, 1000}, 12, settings),
                    Catch::Contains("music before and after"));
  CHECK_THROWS_WITH(instrument.run(1), "Instrument::run: no piece has begun");
}

TEST_CASE("A model that learns continues as one that has read the music; without learning nothing has changed") {
  const music::Performance figure = broken_chord(60);
  InstrumentSettings settings{.sampling = {}, .seed = 2};
  Instrument instrument(untrained());
  instrument.set_adaptation(kQuick);
  const auto continued = [&](bool learn) {
    settings.learn = learn;
    instrument.begin(figure, 12, 3, settings);
    return completed(instrument);
  };
  const GeneratedPiece before = continued(false), learned = continued(true), after = continued(false);
  CHECK(rows(before) == rows(after));
  CHECK(before.nats == after.nats);
  CHECK(rows(before) != rows(learned));

  const PlayableModel model = untrained();
  AdaptiveModel adaptive(model.network, kQuick);
  adaptive.read({.name = "", .performance = figure}, kPageSpec, true);
  const Request request{.plan = continuation({figure, 12}, 3),
                        .sampling = {},
                        .seed = 2,
                        .condition_values = condition_values_of(figure)};
  CHECK(rows(generate(adaptive.model(), kPageSpec, {request}, kOpening)[0]) == rows(learned));
}

TEST_CASE("A phrase that is played again and again becomes likelier, the more so if the model learns") {
  Instrument instrument(untrained());
  instrument.set_adaptation(kQuick);
  const InstrumentSettings still{.sampling = {}, .seed = 2}, learning{.sampling = {}, .seed = 2, .learn = true};
  const Session before = play_live(instrument, still), learned = play_live(instrument, learning),
                switched_off = play_live(instrument, learning, &still), after = play_live(instrument, still);
  CHECK(before.nats.front() == learned.nats.front());  // nothing is learned before it was predicted
  const auto fall = [](const Session& played) { return played.nats[1] - played.nats.back(); };
  CHECK(fall(learned) > fall(before) + 1);
  CHECK(learned.nats.back() < 0.5 * before.nats.back());
  CHECK(after.nats == before.nats);
  CHECK(after.answer == before.answer);
  CHECK(before.answer.size() > 4);
  CHECK(learned.answer != before.answer);
  CHECK(switched_off.nats[39] == learned.nats[39]);
  CHECK(switched_off.nats.back() > 0.9 * before.nats.back());
}

TEST_CASE("Live, the model's own notes are not learned from") {
  const auto nats = [](bool learns) {
    Instrument instrument(untrained());
    instrument.set_adaptation(kQuick);
    instrument.begin_live({.sampling = {}, .seed = 2, .learn = true});
    instrument.live_key(0, 60, 64);
    instrument.live_key(15, 60, 0);
    Live& live = instrument.live();
    live.begin_turn(20);
    live.generate(3000, 5000);
    live.end_turn(2900);
    live.forget_tokens(16);  // those of the player are among them
    REQUIRE(live.settled() > 3 * 16);
    for (std::size_t i = 0; i < 3 * 16; ++i) REQUIRE_FALSE(live.tokens()[i].given);
    for (int i = 0; learns && i < 2; ++i) instrument.learn_live();
    instrument.live_key(2950, 64, 64);
    return live.given_nats();
  };
  CHECK(nats(true) == nats(false));
}
