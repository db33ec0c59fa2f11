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

/// Requires that of the primer just what begins in the free spans is gone, and the rest as it was.
void require_rest_kept(const Primer& primer, const GenerationPlan& outline) {
  std::vector<music::Note> wanted;
  for (const music::Note& note : primer.performance.notes)
    if (!inside(outline.free, note.start.value)) wanted.push_back(note);
  REQUIRE(outline.given.notes == wanted);
  REQUIRE(wanted.size() < primer.performance.notes.size());
}

}  // namespace

TEST_CASE("A continuation is the primer, then a free span") {
  const Primer primer = random_primer(1, 8);
  const GenerationPlan outline = continuation(primer, 20);
  CHECK(outline.given.notes == primer.performance.notes);
  REQUIRE(outline.free.size() == 1);
  CHECK(outline.free[0].begin == primer.seconds);
  CHECK(outline.free[0].end == primer.seconds + 20);
}

TEST_CASE("Free play is one free span and nothing given") {
  const GenerationPlan outline = free_play(12.5);
  CHECK(outline.given.notes.empty());
  REQUIRE(outline.free.size() == 1);
  CHECK((outline.free[0].begin == 0 && outline.free[0].end == 12.5));
}

TEST_CASE("The second half anew keeps the first half, notes that ring on into the second among it") {
  const Primer primer = random_primer(2, 10);
  const GenerationPlan outline = regenerate_second_half(primer);
  REQUIRE(outline.free.size() == 1);
  CHECK((outline.free[0].begin == primer.seconds / 2 && outline.free[0].end == primer.seconds));
  require_rest_kept(primer, outline);
  CHECK(std::ranges::any_of(outline.given.notes, [&](const auto& n) { return n.end.value > primer.seconds / 2; }));
}

TEST_CASE("A share anew is as long as asked, in stretches, in order and apart, other ones with another seed") {
  const Primer primer = random_primer(3, 15);
  REQUIRE(primer.seconds == 15);
  for (double share : {0.01, 0.1, 0.3, 0.5, 0.9, 1.0}) {
    std::set<std::vector<double>> different;
    std::vector<int> drawn(10);
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      INFO("share " << share << ", seed " << seed);
      const GenerationPlan outline = regenerate_fraction(primer, share, seed);
      REQUIRE(length(outline.free) == Approx(share < 0.1 ? 1.5 : share * 15));  // at least one of ten stretches
      REQUIRE((outline.free.front().begin >= 0 && outline.free.back().end <= 15 + 1e-9));
      for (std::size_t i = 0; i + 1 < outline.free.size(); ++i)
        REQUIRE(outline.free[i].end < outline.free[i + 1].begin - 1);  // neighbours are one span
      require_rest_kept(primer, outline);
      std::vector<double> begins;
      for (const Span& span : outline.free) begins.push_back(span.begin);
      different.insert(begins);
      for (int k = 0; k < 10; ++k) drawn[static_cast<std::size_t>(k)] += inside(outline.free, 1.5 * k + 0.75);
    }
    CHECK(different.size() >= (share == 1.0 ? 1 : 10));
    for (int count : drawn) {  // each stretch as often as the others; four deviations
      const double p = std::max(0.1, share);
      CHECK(std::abs(count - 200 * p) <= 4 * std::sqrt(200 * p * (1 - p)));
    }
    const GenerationPlan one = regenerate_fraction(primer, share, 7), again = regenerate_fraction(primer, share, 7);
    CHECK((one.given.notes == again.given.notes && one.free.front().begin == again.free.front().begin));
  }
}

TEST_CASE("A primer shorter than a stretch is anew as a whole") {
  const Primer primer = parse_primer_notes("C4 E4");
  const GenerationPlan outline = regenerate_fraction(primer, 0.2, 1);
  REQUIRE(outline.free.size() == 1);
  CHECK((outline.free[0].begin == 0 && outline.free[0].end == primer.seconds));
  CHECK(outline.given.notes.empty());
}
