// SPDX-License-Identifier: MIT
#include "piano/evaluation/calibration.hpp"

#include <random>

#include "support/catch.hpp"

using namespace piano;

TEST_CASE("Calibration error, worked by hand") {
  Calibration c;
  CHECK(c.error() == 0);
  // bin 9, (.6, .667]: four at .65, one correct: .25 against .65. bin 14: two at 1, both correct. bin 0: one at .02,
  // wrong.
  for (int i = 0; i < 4; ++i) c.add(0.65, i == 0);
  c.add(1.0, true);
  c.add(1.0, true);
  c.add(0.02, false);
  CHECK(c.count() == 7);
  CHECK(c.accuracy() == Approx(3 / 7.0));
  CHECK(c.error() == Approx((4 * 0.4 + 0 + 0.02) / 7));
  CHECK(c.bins()[9].count == 4);
  CHECK(c.bins()[9].confidence() == Approx(0.65));
  CHECK(c.bins()[9].accuracy() == Approx(0.25));
  CHECK(c.bins()[14].count == 2);
  CHECK(c.bins()[0].count == 1);
  // An upper bound belongs to its bin: 1/5 is the end of the third bin.
  c.add(0.2, true);
  CHECK(c.bins()[2].count == 1);
}

TEST_CASE("The calibration error is 0 for a calibrated model, the excess confidence for an overconfident one") {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(0, 1);
  Calibration honest, overconfident;
  for (int i = 0; i < 200000; ++i) {
    const double p = uniform(random);
    const bool correct = uniform(random) < p;
    honest.add(p, correct);
    overconfident.add(p + 0.5 * (1 - p), correct);  // the confidence is too high by a quarter on average
  }
  CHECK(honest.error() < 0.01);
  CHECK(overconfident.error() == Approx(0.25).margin(0.01));
}
