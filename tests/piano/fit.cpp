// SPDX-License-Identifier: MIT
// The rule that says whether a run over-fits, under-fits or needs more music, on curves by hand.
#include <string>
#include <vector>

#include "piano/training/fit.hpp"
#include "support/catch.hpp"

using namespace piano;

namespace {

/// An evaluation every 100 steps.
std::vector<FitPoint> curve(const std::vector<double>& train, const std::vector<double>& valid) {
  std::vector<FitPoint> points;
  for (std::size_t i = 0; i < valid.size(); ++i)
    points.push_back({static_cast<std::int64_t>(100 * (i + 1)), train.at(i), valid[i]});
  return points;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("over-fits: validation rises while training falls") {
  const auto c = curve({3.5, 2.9, 2.5, 2.1, 1.8}, {3.4, 3.0, 2.9, 2.95, 3.1});
  CHECK(fit_of(c) == Fit::over_fits);
  CHECK(has(describe_fit(c),
            "it over-fits: from step 300 on validation rose from 2.900 to 3.100 while training fell "
            "from 2.500 to 1.800"));
}

TEST_CASE("under-fits: validation is close to training") {
  // The last third is flat: the network is too small.
  const auto flat = curve({3.2, 2.8, 2.6, 2.5, 2.45, 2.44}, {3.1, 2.8, 2.6, 2.53, 2.52, 2.51});
  CHECK(fit_of(flat) == Fit::under_fits);
  CHECK(has(describe_fit(flat), "validation 2.510 is close to training 2.440 and no longer falls"));
  // It still falls: the run is too short.
  const auto falling = curve({4.5, 4.0, 3.5, 3.2, 3.0, 2.9}, {4.4, 3.9, 3.5, 3.2, 3.0, 2.9});
  CHECK(fit_of(falling) == Fit::under_fits);
  CHECK(has(describe_fit(falling), "still falls; train longer"));
}

TEST_CASE("needs more music: validation stays well above training, and does not rise") {
  const auto c = curve({3.2, 2.6, 2.3, 2.2, 2.15}, {3.1, 2.9, 2.8, 2.77, 2.765});
  CHECK(fit_of(c) == Fit::more_music);
  CHECK(has(describe_fit(c), "validation 2.765 is well above training 2.150 and no longer falls"));
  const auto falling = curve({3.2, 2.6, 2.4, 2.3}, {3.3, 2.9, 2.7, 2.6});
  CHECK(has(describe_fit(falling), "validation 2.600 is well above training 2.300, though it still falls"));
}

TEST_CASE("unstable: both losses rise") {
  CHECK(fit_of(curve({3.0, 2.8, 2.9, 3.5}, {3.0, 2.8, 2.9, 3.4})) == Fit::unstable);
}

TEST_CASE("small changes do not count, and few evaluations decide nothing") {
  // 0.019 above the best is noise; 0.021 is not.
  CHECK(fit_of(curve({3, 2.8, 2.6, 2.5}, {3, 2.8, 2.7, 2.719})) == Fit::more_music);
  CHECK(fit_of(curve({3, 2.8, 2.6, 2.5}, {3, 2.8, 2.7, 2.721})) == Fit::over_fits);
  // A gap of 0.099, of 0.101.
  CHECK(fit_of(curve({3, 2.8, 2.7, 2.6}, {3, 2.8, 2.75, 2.699})) == Fit::under_fits);
  CHECK(fit_of(curve({3, 2.8, 2.7, 2.6}, {3, 2.8, 2.75, 2.701})) == Fit::more_music);
  const auto few = curve({3.5, 2.0, 1.0}, {3.4, 3.0, 4.0});
  CHECK(fit_of(few) == Fit::undecided);
  CHECK(has(describe_fit(few), "undecided"));
  CHECK(fit_of({}) == Fit::undecided);
}

TEST_CASE("the curve is read from the lines of metrics") {
  // The first evaluation of a fine-tuned run has no training before it.
  const auto lines = nlohmann::json::parse(R"([
    {"step": 0, "train_nll": null, "valid_nll": 4.0},
    {"step": 5, "train_nll": 3.0, "valid_nll": null},
    {"step": 10, "train_nll": 2.0, "valid_nll": 2.75},
    {"step": 20, "train_nll": 1.5, "valid_nll": 2.5}])");
  const auto c = fit_curve(lines);
  REQUIRE(c.size() == 2);
  CHECK((c[0].step == 10 && c[0].train == 2.5 && c[0].valid == 2.75));
  CHECK((c[1].step == 20 && c[1].train == 1.5 && c[1].valid == 2.5));
}
