// SPDX-License-Identifier: MIT
#include "piano/generation/plan.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "piano/random_models.hpp"
#include "support/catch.hpp"

using namespace piano;
using namespace rondo_test;

namespace {

bool inside(const std::vector<Span>& spans, double time) {
  return std::ranges::any_of(spans, [&](const Span& s) { return s.begin <= time && time < s.end; });
}

double length(const std::vector<Span>& spans) {
  double sum = 0;
  for (const Span& span : spans) sum += span.end - span.begin;
  return sum;
}

/// Requires that exactly the notes of the primer that begin in the free spans are missing, and the others unchanged.
void require_rest_kept(const Primer& primer, const GenerationPlan& plan) {
  std::vector<music::Note> wanted;
  for (const music::Note& note : primer.performance.notes)
    if (!inside(plan.free, note.start.value)) wanted.push_back(note);
  REQUIRE(plan.given.notes == wanted);
  REQUIRE(wanted.size() < primer.performance.notes.size());
}

}  // namespace

TEST_CASE("A continuation is the primer, then a free span") {
  const Primer primer = random_primer(1, 8);
  const GenerationPlan plan = continuation(primer, 20);
  CHECK(plan.given.notes == primer.performance.notes);
  REQUIRE(plan.free.size() == 1);
  CHECK(plan.free[0].begin == primer.seconds);
  CHECK(plan.free[0].end == primer.seconds + 20);
}

TEST_CASE("Music without a primer has one free span and no given notes") {
  const GenerationPlan plan = free_play(12.5);
  CHECK(plan.given.notes.empty());
  REQUIRE(plan.free.size() == 1);
  CHECK((plan.free[0].begin == 0 && plan.free[0].end == 12.5));
}

TEST_CASE("Regenerating the second half keeps the first, also notes that last into the second") {
  const Primer primer = random_primer(2, 10);
  const GenerationPlan plan = regenerate_second_half(primer);
  REQUIRE(plan.free.size() == 1);
  CHECK((plan.free[0].begin == primer.seconds / 2 && plan.free[0].end == primer.seconds));
  require_rest_kept(primer, plan);
  CHECK(std::ranges::any_of(plan.given.notes, [&](const auto& n) { return n.end.value > primer.seconds / 2; }));
}

TEST_CASE("A regenerated fraction has the requested length, in ordered, separate segments that depend on the seed") {
  const Primer primer = random_primer(3, 15);
  REQUIRE(primer.seconds == 15);
  for (double share : {0.01, 0.1, 0.3, 0.5, 0.9, 1.0}) {
    std::set<std::vector<double>> different;
    std::vector<int> drawn(10);
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      INFO("share " << share << ", seed " << seed);
      const GenerationPlan plan = regenerate_fraction(primer, share, seed);
      REQUIRE(length(plan.free) == Approx(share < 0.1 ? 1.5 : share * 15));  // at least one of ten segments
      REQUIRE((plan.free.front().begin >= 0 && plan.free.back().end <= 15 + 1e-9));
      for (std::size_t i = 0; i + 1 < plan.free.size(); ++i)
        REQUIRE(plan.free[i].end < plan.free[i + 1].begin - 1);  // adjacent segments are one span
      require_rest_kept(primer, plan);
      std::vector<double> begins;
      for (const Span& span : plan.free) begins.push_back(span.begin);
      different.insert(begins);
      for (int k = 0; k < 10; ++k) drawn[static_cast<std::size_t>(k)] += inside(plan.free, 1.5 * k + 0.75);
    }
    CHECK(different.size() >= (share == 1.0 ? 1 : 10));
    for (int count : drawn) {  // all segments equally often; four standard deviations
      const double p = std::max(0.1, share);
      CHECK(std::abs(count - 200 * p) <= 4 * std::sqrt(200 * p * (1 - p)));
    }
    const GenerationPlan one = regenerate_fraction(primer, share, 7), again = regenerate_fraction(primer, share, 7);
    CHECK((one.given.notes == again.given.notes && one.free.front().begin == again.free.front().begin));
  }
}

TEST_CASE("A primer shorter than a segment is regenerated as a whole") {
  const Primer primer = parse_primer_notes("C4 E4");
  const GenerationPlan plan = regenerate_fraction(primer, 0.2, 1);
  REQUIRE(plan.free.size() == 1);
  CHECK((plan.free[0].begin == 0 && plan.free[0].end == primer.seconds));
  CHECK(plan.given.notes.empty());
}

TEST_CASE("A stretch of bars is from the beginning of the first to the end of the last, by their printed numbers") {
  // An upbeat, then four bars of which the second and third are repeated.
  const std::vector<music::BarStart> bars{{0, 0}, {0.5, 1}, {2.5, 2}, {4.5, 3}, {6.5, 2}, {8.5, 3}, {10.5, 4}};
  const auto span = [&](int first, int last) {
    const Span s = span_of_bars(bars, first, last);
    return std::pair(s.begin, s.end);
  };
  CHECK(span(2, 2) == std::pair(2.5, 4.5));
  CHECK(span(0, 3) == std::pair(0.0, 6.5));
  CHECK(span(3, 2) == std::pair(4.5, 8.5));  // into the repetition
  CHECK_THROWS_WITH(span(1, 5), "bars 1 to 5 are not in the music, which has bars 0 to 4");
  CHECK_THROWS_WITH(span(3, 1), Catch::Contains("are not in the music"));
  CHECK_THROWS_WITH(span(3, 4), "bar 4 is the last one: the stretch needs music after it");
  CHECK_THROWS_WITH(span_of_bars({}, 1, 2), "the music has no bars; give seconds");
}
