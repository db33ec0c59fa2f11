// SPDX-License-Identifier: MIT
// Whether a training run over-fits, under-fits or needs more music, from its curves. docs/07-train-and-sample.md has
// the rule.
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace piano {

/// Losses of one evaluation, in nats per token.
struct FitPoint {
  std::int64_t step = 0;
  double train = 0;  // mean of the batches since the evaluation before
  double valid = 0;
};

enum class Fit {
  undecided,   // too few evaluations
  unstable,    // both losses rise
  over_fits,   // the validation loss rises while the training loss falls
  under_fits,  // the losses are close: the network or the run is too small
  more_music,  // the validation loss is well above the training loss
};

constexpr const char* name(Fit fit) {
  switch (fit) {
    case Fit::undecided:
      return "undecided";
    case Fit::unstable:
      return "unstable";
    case Fit::over_fits:
      return "over-fits";
    case Fit::under_fits:
      return "under-fits";
    case Fit::more_music:
      return "needs more music";
  }
  return "";
}

inline constexpr std::size_t kFitEvaluations = 4;  ///< fewer do not show a trend
inline constexpr double kFitChange = 0.02;         ///< nats per token; smaller changes of a loss do not count
inline constexpr double kFitGap = 0.1;             ///< nats per token between training and validation

/// The rule. `curve` is in order of steps.
inline Fit fit_of(const std::vector<FitPoint>& curve) {
  if (curve.size() < kFitEvaluations) return Fit::undecided;
  const FitPoint& last = curve.back();
  const FitPoint& best = *std::ranges::min_element(curve, {}, &FitPoint::valid);
  if (last.valid > best.valid + kFitChange) return last.train < best.train ? Fit::over_fits : Fit::unstable;
  return last.valid - last.train < kFitGap ? Fit::under_fits : Fit::more_music;
}

/// The rule's result with its figures and what to do, in one line.
inline std::string describe_fit(const std::vector<FitPoint>& curve) {
  const Fit fit = fit_of(curve);
  char text[400];
  if (fit == Fit::undecided) {
    std::snprintf(text, sizeof text,
                  "fit: undecided, as it needs %zu evaluations with training between them; here are %zu",
                  kFitEvaluations, curve.size());
    return text;
  }
  const FitPoint& last = curve.back();
  const FitPoint& best = *std::ranges::min_element(curve, {}, &FitPoint::valid);
  const auto step = static_cast<long long>(best.step);
  // The trend is that of the last third of the evaluations.
  const bool falls = curve[curve.size() - 1 - curve.size() / 3].valid > last.valid + kFitChange;
  if (fit == Fit::over_fits) {
    std::snprintf(
        text, sizeof text,
        "fit: it over-fits: from step %lld on validation rose from %.3f to %.3f while training fell from %.3f to "
        "%.3f; use more pieces, more --dropout, fewer steps or a smaller network",
        step, best.valid, last.valid, best.train, last.train);
  } else if (fit == Fit::unstable) {
    std::snprintf(text, sizeof text,
                  "fit: unstable: from step %lld on validation rose from %.3f to %.3f and training did not fall; lower "
                  "--learning-rate",
                  step, best.valid, last.valid);
  } else if (fit == Fit::under_fits) {
    std::snprintf(text, sizeof text, "fit: it under-fits: validation %.3f is close to training %.3f%s", last.valid,
                  last.train,
                  falls ? " and still falls; train longer, or use a larger network"
                        : " and no longer falls; use a larger network or less --dropout");
  } else {
    std::snprintf(text, sizeof text,
                  "fit: it needs more music: validation %.3f is well above training %.3f%s; use more pieces, more "
                  "transpositions or more --dropout",
                  last.valid, last.train, falls ? ", though it still falls" : " and no longer falls");
  }
  return text;
}

/// The curve in the lines of metrics.jsonl: evaluations with training before them.
inline std::vector<FitPoint> fit_curve(const nlohmann::json& metrics) {
  std::vector<FitPoint> curve;
  double sum = 0;
  int lines = 0;
  for (const auto& line : metrics) {
    const auto value = [&line](const char* key) { return line.contains(key) && line[key].is_number(); };
    if (value("train_nll")) sum += line["train_nll"].get<double>(), ++lines;
    if (!value("valid_nll") || lines == 0) continue;
    curve.push_back({line.value("step", std::int64_t{0}), sum / lines, line["valid_nll"].get<double>()});
    sum = 0, lines = 0;
  }
  return curve;
}

}  // namespace piano
