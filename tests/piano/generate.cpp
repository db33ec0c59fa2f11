// SPDX-License-Identifier: MIT
// Outputs are well-formed and keep the given notes, whatever a model predicts.
#include "piano/generation/generate.hpp"
#include "piano/generation/generator.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include <rondo/cpu/eigen.hpp>

#include "piano/random_models.hpp"
#include "support/catch.hpp"

using namespace piano;
using namespace rondo_test;
using music::EventKind;

namespace {

constexpr music::InputSpec kConditioned{music::kVocabulary,
                                        {.notes_per_second = true, .key = true, .active_notes = true}};
constexpr std::array<double, 5> kTemperatures = {0, 0.5, 1, 2, 5};
constexpr double kGrid = 1e-9;  // times are whole steps, up to rounding

using OnGrid = std::tuple<std::int64_t, std::int64_t, int, int>;  // start, end, pitch, velocity bin

OnGrid on_grid(const music::Note& note) {
  const auto start = music::to_step(note.start);
  return {start, std::max(start + 1, music::to_step(note.end)), note.pitch, music::velocity_bin(note.velocity)};
}

/// Requires well-formed tokens: no note-on of a key that is down, no note-off of a key that is up or in the same step,
/// and at the end all keys and the pedal are up.
void require_playable(const std::vector<music::Token>& tokens) {
  std::map<int, std::int64_t> down;
  std::int64_t now = 0;
  bool pedal = false, velocity = false;
  for (music::Token token : tokens) {
    const auto [kind, value] = music::event_of(token);
    INFO(music::name(token) << " at step " << now);
    if (kind == EventKind::time_shift) now += value;
    if (kind == EventKind::velocity) velocity = true;
    if (kind == EventKind::pedal) {
      REQUIRE(pedal != (value != 0));
      pedal = value != 0;
    }
    if (kind == EventKind::note_on) {
      REQUIRE(velocity);
      REQUIRE(down.emplace(value, now).second);
    }
    if (kind == EventKind::note_off) {
      REQUIRE(down.contains(value));
      REQUIRE(down[value] < now);
      down.erase(value);
    }
  }
  REQUIRE(down.empty());
  REQUIRE_FALSE(pedal);
}

/// Requires what holds for every plan: given notes are unchanged; new notes begin in free spans, are on the piano's
/// keys and at most 5 s long; there is no silence after the last note.
void require_kept(const GenerationPlan& plan, const GeneratedPiece& piece) {
  std::multiset<OnGrid> given, wanted;
  for (const music::Note& note : plan.given.notes) wanted.insert(on_grid(note));
  const auto& notes = piece.performance.notes;
  REQUIRE(piece.given.size() == notes.size());
  std::array<std::int64_t, 128> free_from{};
  double last = 0;
  for (std::size_t i = 0; i < notes.size(); ++i) {
    const auto [start, end, pitch, bin] = on_grid(notes[i]);
    INFO("note " << i << ", pitch " << pitch << " from step " << start << " to " << end);
    if (i > 0) REQUIRE(notes[i - 1].start <= notes[i].start);
    REQUIRE(start >= free_from[static_cast<std::size_t>(pitch)]);
    free_from[static_cast<std::size_t>(pitch)] = end;
    last = std::max(last, notes[i].end.value);
    if (piece.given[i]) {
      given.insert(on_grid(notes[i]));
      continue;
    }
    REQUIRE(std::ranges::any_of(plan.free, [&, start = start](const Span& span) {
      return music::to_step({span.begin}) <= start && start < music::to_step({span.end});
    }));
    REQUIRE(end - start <= 500);
    std::int64_t left = 0;  // the end of the last span that begins before the note's end
    for (const Span& span : plan.free)
      if (music::to_step({span.begin}) <= end) left = music::to_step({span.end});
    REQUIRE(end <= left + 50);
    REQUIRE((21 <= pitch && pitch <= 108));
  }
  REQUIRE((given == wanted));
  for (const auto& change : piece.performance.controls) last = std::max(last, change.time.value);
  REQUIRE(std::abs(piece.performance.duration.value - last) < kGrid);
}

/// Plans of all kinds.
std::vector<GenerationPlan> plans(bool pedal) {
  std::vector<GenerationPlan> all = {free_play(9)};
  for (unsigned seed : {1u, 2u}) {
    const Primer primer = random_primer(seed, 12, pedal);
    all.push_back(continuation(primer, 6));
    all.push_back(regenerate_second_half(primer));
    for (double share : {0.1, 0.4, 0.8}) all.push_back(regenerate_fraction(primer, share, seed));
  }
  return all;
}

}  // namespace

TEST_CASE("Outputs of untrained models are well-formed at any temperature and keep the given notes") {
  for (const music::InputSpec& input_spec : {kPlain, kPedal, kConditioned}) {
    const bool pedal = input_spec.vocabulary == music::kVocabularyWithPedal;
    std::size_t generated = 0, pedal_moves = 0;
    for (std::uint64_t seed : {1u, 2u})
      for (double temperature : kTemperatures) {
        const auto model = random_model(input_spec, seed);
        const auto all = plans(pedal);
        for (std::size_t k = 0; k < all.size(); ++k) {
          INFO("model " << seed << ", V " << input_spec.vocabulary << ", " << input_spec.conditions.ids()
                        << " conditions, temperature " << temperature << ", plan " << k);
          const Played played = play(
              model, input_spec,
              {.plan = all[k], .sampling = {.temperature = temperature}, .seed = seed + k, .condition_values = {5, 3}});
          require_playable(played.tokens);
          require_kept(all[k], played.piece);
          REQUIRE(played.piece.new_notes().notes.size() + all[k].given.notes.size() ==
                  played.piece.performance.notes.size());
          generated += played.piece.new_notes().notes.size();
          pedal_moves += played.piece.performance.controls.size();
        }
      }
    CHECK(generated > 1000);
    CHECK((pedal_moves > 0) == pedal);
  }
}

TEST_CASE("Outside of free spans the pedal is the primer's") {
  // The pedal after the events of each step, from changes by time in seconds.
  const auto pedal_at = [](const std::vector<music::ControlChange>& changes, std::int64_t step) {
    bool down = false;
    for (const auto& change : changes)
      if (music::to_step(change.time) <= step) down = music::is_down(change);
    return down;
  };
  int down = 0, up = 0, moved = 0;
  for (unsigned seed = 1; seed <= 4; ++seed) {
    const Primer primer = random_primer(seed, 12, true);
    const GenerationPlan plan = regenerate_fraction(primer, 0.4, seed);
    auto model = random_model(kPedal, seed);
    model.for_each_parameter([](const rondo::Path& path, auto& p) {
      if (path.text() == "output.bias")
        p.value()(music::kPedalDown, 0) = p.value()(music::kPedalUp, 0) = 5;  // many pedal changes
    });
    const GeneratedPiece piece =
        generate(model, kPedal, {{.plan = plan, .sampling = {}, .seed = seed}}, kOpening).front();
    for (std::int64_t step = 0; step < music::to_step({primer.seconds}); ++step) {
      const bool free = std::ranges::any_of(plan.free, [&](const Span& span) {
        return music::to_step({span.begin}) <= step && step < music::to_step({span.end});
      });
      const bool theirs = pedal_at(primer.performance.controls, step),
                 ours = pedal_at(piece.performance.controls, step);
      INFO("seed " << seed << ", step " << step);
      if (!free) REQUIRE(ours == theirs);
      if (!free) ++(theirs ? down : up);
      if (free) moved += ours != theirs;
    }
  }
  CHECK((down > 100 && up > 100 && moved > 100));
}

TEST_CASE("Given notes of one pitch that overlap are made consecutive") {
  const auto note = [](double start, double end, int velocity) {
    return music::Note{.start = {start}, .end = {end}, .pitch = 60, .velocity = static_cast<std::uint8_t>(velocity)};
  };
  const GenerationPlan plan{music::make_performance({note(0, 2, 50), note(1, 3, 90), note(1, 1.5, 20)}), {{3, 5}}};
  const auto model = random_model(kPlain, 2);
  const Played played = play(model, kPlain, {.plan = plan, .sampling = {}, .seed = 1});
  require_playable(played.tokens);
  CHECK(played.piece.performance.notes.size() > 2);
  CHECK(on_grid(played.piece.performance.notes[0]) == OnGrid{0, 100, 60, music::velocity_bin(50)});
}

TEST_CASE("The given notes of a continuation are exactly those of the primer") {
  const Primer primer = random_primer(4, 10);
  const auto model = random_model(kPlain, 3);
  const GeneratedPiece piece =
      generate(model, kPlain, {{.plan = continuation(primer, 8), .sampling = {}, .seed = 5}}, kOpening).front();
  std::size_t given = 0;
  for (std::size_t i = 0; i < piece.given.size(); ++i) {
    const bool before = music::to_step(piece.performance.notes[i].start) < music::to_step({primer.seconds});
    CHECK(piece.given[i] == before);
    given += before;
  }
  CHECK(given == primer.performance.notes.size());
  CHECK(piece.new_notes().notes.size() == piece.performance.notes.size() - given);
  CHECK(piece.performance.duration.value <= primer.seconds + 8 + 0.5);  // the last notes are held for half a second
  CHECK(piece.performance.duration.value > primer.seconds + 3);
}

TEST_CASE("A result does not depend on the other requests") {
  const auto model = random_model(kConditioned, 6);
  const Primer primer = random_primer(5, 6);
  const std::vector<Request> requests = {
      {.plan = continuation(primer, 5), .sampling = {.temperature = 1.3}, .seed = 1, .condition_values = {3, 4}},
      {.plan = free_play(8), .sampling = {.top_k = 20}, .seed = 2, .condition_values = {}},
      {.plan = regenerate_fraction(primer, 0.5, 3), .sampling = {.top_p = 0.8}, .seed = 3, .condition_values = {9, 20}},
  };
  const auto together = generate(model, kConditioned, requests, kOpening);
  const auto backwards = generate(model, kConditioned, {requests.rbegin(), requests.rend()}, kOpening);
  REQUIRE(together.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    INFO("request " << i);
    const GeneratedPiece alone = generate(model, kConditioned, {requests[i]}, kOpening).front(),
                         other = backwards[2 - i];
    CHECK(alone.performance.notes.size() > 5);
    for (const GeneratedPiece* piece : {&alone, &other}) {
      CHECK((piece->performance.notes == together[i].performance.notes));
      CHECK((piece->given == together[i].given));
      CHECK(piece->sampled == together[i].sampled);
      CHECK(piece->nats == Approx(together[i].nats).epsilon(1e-5));
    }
  }
  Request reseeded = requests[0];
  reseeded.seed = 9;
  CHECK_FALSE(
      (generate(model, kConditioned, {reseeded}, kOpening).front().performance.notes == together[0].performance.notes));
}

TEST_CASE("What sequences have in common is computed once, and what is complete is left out") {
  const auto model = random_model(kPlain, 4);
  const Primer primer = random_primer(2, 12);
  std::vector<Request> requests;
  std::vector<Played> played;
  std::size_t columns = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    requests.push_back({.plan = continuation(primer, 0.5 * static_cast<double>(seed)), .sampling = {}, .seed = seed});
    played.push_back(play(model, kPlain, requests.back()));
    Generator alone(model, kPlain, {requests.back()}, kOpening);
    alone.run();
    columns += alone.columns_computed();
  }
  std::size_t common = 0;
  const auto differs = [&](const Played& p) { return p.inputs.at(common) != played[0].inputs.at(common); };
  while (std::ranges::none_of(played, differs)) ++common;
  REQUIRE(common > 50);
  Generator all(model, kPlain, requests, kOpening);
  while (!all.run(0.001)) {
  }
  CHECK(all.columns_computed() == columns - 5 * common);
  for (std::size_t i = 0; i < played.size(); ++i)
    CHECK((all.results()[i].performance.notes == played[i].piece.performance.notes));
}

TEST_CASE("The model receives the conditions and the active notes") {
  const auto model = random_model(kConditioned, 7);
  const Request request{
      .plan = regenerate_fraction(random_primer(6, 9), 0.5, 1), .sampling = {}, .seed = 4, .condition_values = {7, 13}};
  const Played played = play(model, kConditioned, request);
  std::set<int> down;
  for (std::size_t t = 0; t < played.tokens.size(); ++t) {
    const auto [kind, pitch] = music::event_of(played.tokens[t]);
    if (kind == EventKind::note_on) down.insert(pitch);
    if (kind == EventKind::note_off) down.erase(pitch);
    std::vector<music::Token> wanted = {played.tokens[t], 388 + 7, 388 + 12 + 13};
    for (int key : down)
      if (wanted.size() < 19) wanted.push_back(388 + 12 + 24 + key);
    wanted.resize(20, music::kNoCondition);
    REQUIRE(played.inputs[t] == wanted);
  }
  for (const music::ConditionValues& other :
       {music::ConditionValues{8, 13}, music::ConditionValues{7, 14}, music::ConditionValues{-1, 13}}) {
    Request changed = request;
    changed.condition_values = other;
    const Played conditioned = play(model, kConditioned, changed);
    REQUIRE(conditioned.tokens.front() == played.tokens.front());
    CHECK(conditioned.logits.front() != played.logits.front());
  }
}

TEST_CASE("Nats are those of the unfiltered, unmasked distribution") {
  rondo::Rng rng(1);
  auto model = random_model(kPlain, 8);
  model.for_each_parameter([](const rondo::Path& path, auto& p) {
    if (path.text().starts_with("output")) rondo::matrix(p.value()).setZero();  // all tokens equally likely
  });
  for (const rondo::SamplingConfig& sampling :
       {rondo::SamplingConfig{}, {.temperature = 3}, {.top_k = 4}, {.top_p = 0.5, .min_p = 0.2}}) {
    const GeneratedPiece piece =
        generate(model, kPlain, {{.plan = free_play(5), .sampling = sampling}}, kOpening).front();
    CHECK(piece.sampled > 10);
    CHECK(piece.nats == Approx(static_cast<double>(piece.sampled) * std::log(388.0)).epsilon(1e-6));
  }
}

TEST_CASE("Density and key of a primer") {
  const Primer scale = parse_primer_notes("D4:0.5 E4:0.5 F#4:0.5 G4:0.5 A4:0.5 B4:0.5 C#5:0.5 D5:0.5");
  const music::ConditionValues values = condition_values_of(scale.performance);
  CHECK(values.density == music::density_bin(8 / 1.75));  // the last note begins at 1.75 s
  CHECK(values.key == music::key_named("D major"));
}

TEST_CASE("Settings out of range are refused") {
  const auto model = random_model(kPlain, 1);
  CHECK_THROWS_AS(generate(model, kPlain, {{.plan = free_play(1), .sampling = {.temperature = -1}}}, kOpening),
                  rondo::error);
  CHECK(generate(model, kPlain, {}, kOpening).empty());
}
