// SPDX-License-Identifier: MIT
// New music within a piece: what is kept, how what follows is measured, and which candidates are drawn.
#include "piano/generation/infill.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "piano/random_models.hpp"
#include "support/catch.hpp"

using namespace piano;
using namespace rondo_test;
using music::EventKind;

namespace {

constexpr Span kGap{6, 9};

bool in_gap(const music::Note& note) {
  return music::to_step({kGap.begin}) <= music::to_step(note.start) &&
         music::to_step(note.start) < music::to_step({kGap.end});
}

}  // namespace

TEST_CASE("The likelihood of what follows is that of the given tokens in that time, without note-offs") {
  const auto model = random_model(kPlain, 5);
  const Primer primer = random_primer(3, 14);
  for (bool original : {false, true}) {
    Request request{.plan = regenerate_span(primer, kGap), .sampling = {}, .seed = 9};
    if (original) request.plan = {primer.performance, {}};
    request.following = {kGap.end, 11};
    const Played all = play(model, kPlain, request);
    double nats = 0;
    std::int64_t now = 0;
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < all.tokens.size(); ++i) {
      const auto [kind, value] = music::event_of(all.tokens[i]);
      if (now >= 900 && now < 1100 && kind != EventKind::note_off) {
        const auto& z = all.logits[i - 1];
        double sum = 0;
        for (float logit : z) sum += std::exp(static_cast<double>(logit));
        nats += std::log(sum) - static_cast<double>(z[static_cast<std::size_t>(all.tokens[i])]);
        ++tokens;
      }
      if (kind == EventKind::time_shift) now += value;
    }
    REQUIRE(tokens > 20);
    CHECK(all.piece.following_nats == Approx(nats).epsilon(1e-5));
  }
}

TEST_CASE("Infill keeps all notes that begin outside the stretch; no note of one pitch begins before the last ended") {
  for (const music::InputSpec& input_spec : {kPlain, kPedal})
    for (unsigned seed = 1; seed <= 6; ++seed) {
      const auto model = random_model(input_spec, seed);
      const Primer primer = random_primer(seed, 20, input_spec.vocabulary == music::kVocabularyWithPedal);
      const Infills result =
          infill(model, input_spec, primer.performance, kGap, {.plan = {}, .sampling = {}, .seed = 3}, 3, kOpening,
                 {.candidates = 8, .context = 4});
      REQUIRE(result.outputs.size() == 3);
      for (const Infill& output : result.outputs) {
        std::vector<music::Note> kept, wanted;
        std::map<int, double> ends;
        const auto& notes = output.piece.performance.notes;
        for (std::size_t i = 0; i < notes.size(); ++i) {
          if (output.piece.given[i])
            kept.push_back(notes[i]);
          else
            REQUIRE(in_gap(notes[i]));
          if (output.piece.given[i] && i > 0) REQUIRE(notes[i - 1].start <= notes[i].start);
          INFO("pitch " << int(notes[i].pitch) << " at " << notes[i].start.value);
          REQUIRE(notes[i].start.value >= ends[notes[i].pitch] - 0.011);  // given times are not on the grid of 10 ms
          ends[notes[i].pitch] = notes[i].end.value;
        }
        for (const music::Note& note : primer_of(primer.performance, 1e9).performance.notes)
          if (note.start.value < kGap.begin || note.start.value >= kGap.end) wanted.push_back(note);
        const auto order = [](const music::Note& a, const music::Note& b) {
          return std::tuple(a.start, a.pitch) < std::tuple(b.start, b.pitch);
        };
        std::sort(kept.begin(), kept.end(), order);
        std::sort(wanted.begin(), wanted.end(), order);
        REQUIRE(kept == wanted);
      }
    }
}

TEST_CASE("Infill draws candidates by how likely they make what follows") {
  const auto model = random_model(kPlain, 2);
  const Primer primer = random_primer(4, 20);
  const auto run = [&](int candidates, int outputs, std::uint64_t seed) {
    return infill(model, kPlain, primer.performance, kGap, {.plan = {}, .sampling = {}, .seed = seed}, outputs,
                  kOpening, {.candidates = candidates});
  };
  int better = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Infills result = run(16, 1, seed);
    better += result.outputs[0].following_per_note < result.median_following_per_note;
    CHECK(result.outputs[0].following_per_note == run(16, 1, seed).outputs[0].following_per_note);
    CHECK(result.original_following_per_note == Approx(run(2, 1, seed).original_following_per_note));
  }
  CHECK(better >= 9);  // differences of many nats: the draw is nearly always one of the best
  const Infills all = run(8, 8, 1);
  for (std::size_t i = 1; i < all.outputs.size(); ++i) {
    CHECK(all.outputs[i - 1].following_per_note <= all.outputs[i].following_per_note);
    for (std::size_t j = 0; j < i; ++j) CHECK(all.outputs[i].seed != all.outputs[j].seed);
  }
}

TEST_CASE("A stretch without music around it, or too few candidates, are refused") {
  const auto model = random_model(kPlain, 2);
  const Primer primer = random_primer(4, 20);
  const auto run = [&](Span gap, int outputs, int candidates) {
    infill(model, kPlain, primer.performance, gap, {}, outputs, kOpening, {.candidates = candidates});
  };
  CHECK_THROWS_WITH(run({0, 5}, 1, 2), Catch::Contains("after the first note"));
  CHECK_THROWS_WITH(run({5, 5}, 1, 2), Catch::Contains("end after it begins"));
  CHECK_THROWS_WITH(run({5, 1000}, 1, 2), Catch::Contains("music before and after"));
  CHECK_THROWS_WITH(run({5, 8}, 3, 2), Catch::Contains("2 candidates for 3 outputs"));
}
