// SPDX-License-Identifier: MIT
// The learning rate over time: a linear warm-up, then half a cosine down to a minimum (Loshchilov and Hutter 2017).
#pragma once

#include <rondo/version.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace rondo::inline RONDO_ABI {

struct WarmupCosine {
  double peak = 1e-3;    // learning rate after the warm-up
  double warmup = 0;     // share of the run that warms up, in [0, 1)
  double min_ratio = 0;  // last learning rate, as a share of the peak

  /// The learning rate at `progress`, the share of the run that is done. Progress may be counted in steps or, for a run
  /// of so many minutes, in time; outside [0, 1] it is clamped.
  double operator()(double progress) const {
    progress = std::clamp(progress, 0.0, 1.0);
    if (progress < warmup) return peak * progress / warmup;
    const double decayed = (progress - warmup) / (1 - warmup);
    return peak * (min_ratio + (1 - min_ratio) * 0.5 * (1 + std::cos(std::numbers::pi * decayed)));
  }
};

}  // namespace rondo::inline RONDO_ABI
