// SPDX-License-Identifier: MIT
#include "piano/evaluation/bar_metrics.hpp"

#include "support/catch.hpp"

using namespace piano;
using namespace rondo::music;

namespace {
Note note(double start, int pitch) {
  return {.start = {start}, .end = {start + 0.1}, .pitch = static_cast<std::uint8_t>(pitch)};
}
}  // namespace

TEST_CASE("Entropy of bars, worked by hand") {
  // Bars of 2 s: C C E E | G | (rest) | C D E F
  const auto p = make_performance({note(0, 60), note(0.5, 72), note(1, 64), note(1.5, 64), note(2, 67), note(6, 60),
                                   note(6.5, 62), note(7, 64), note(7.5, 65)});
  const std::vector<double> lines = {0, 2, 4, 6, 8};
  CHECK((regular_bar_lines(p) == lines));
  CHECK(bar_entropy(p, lines) == Approx((1 + 0 + 2) / 3.0));  // the empty bar is left out
  // two by two: {C 2/5, E 2/5, G 1/5}, {G}, {C D E F}
  const double first = -2 * 0.4 * std::log2(0.4) - 0.2 * std::log2(0.2);
  CHECK(bar_entropy(p, lines, 2) == Approx((first + 0 + 2) / 3.0));
  // all nine notes: C 3/9, E 3/9, G, D and F 1/9 each
  const double all = 2 / 3.0 * std::log2(3) + 1 / 3.0 * std::log2(9);
  CHECK(bar_entropy(p, lines, 4) == Approx(all));
  CHECK(bar_entropy(p, lines, 9) == Approx(all));
  CHECK(bar_entropy({}, regular_bar_lines({})) == 0);
}

TEST_CASE("Groove of bars, worked by hand") {
  // 64 positions a bar of 2 s: quarters; quarters, played higher; quarters with one more onset
  const auto p = make_performance({note(0, 60), note(0.5, 60), note(1, 60), note(1.5, 60), note(2, 72), note(2.5, 72),
                                   note(3, 72), note(3.5, 72), note(4, 60), note(4.5, 60), note(4.75, 60), note(5, 60),
                                   note(5, 64), note(5.5, 60)});
  CHECK(groove_similarity(p, regular_bar_lines(p)) == Approx((1 + 2 * (1 - 1 / 64.0)) / 3));
  // bars of unequal length: a bar half as long with a rhythm twice as fast has the same groove
  const auto faster = make_performance({note(0, 60), note(0.5, 60), note(1, 60), note(1.5, 60), note(2, 72),
                                        note(2.25, 72), note(2.5, 72), note(2.75, 72)});
  CHECK(groove_similarity(faster, std::vector<double>{0, 2, 3}) == 1);
  CHECK(groove_similarity(faster, std::vector<double>{0, 2, 4}) == Approx(1 - 4 / 64.0));
  CHECK(groove_similarity(faster, std::vector<double>{0, 4}) == 1);
}

TEST_CASE("The bars of a piece; the last is as long as the one before") {
  const Piece piece{"p", {}, {{0.5, 0}, {1, 1}, {3, 2}}};
  CHECK((bar_lines(piece) == std::vector<double>{0.5, 1, 3, 5}));
  CHECK(bar_lines({"q", {}, {{0, 1}}}).empty());
  const auto lines = bar_lines(piece);
  CHECK(bar_of(lines, 0.4) == std::nullopt);
  CHECK(bar_of(lines, 1.0) == 1u);
  CHECK(bar_of(lines, 4.9) == 2u);
  CHECK(bar_of(lines, 5.0) == std::nullopt);
}
