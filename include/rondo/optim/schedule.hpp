// SPDX-License-Identifier: MIT
// Learning-rate schedule: linear warm-up, then cosine decay to a minimum (Loshchilov and Hutter 2017).
#pragma once

#include <rondo/version.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace rondo::inline RONDO_ABI {

/// Learning-rate schedule with linear warm-up and cosine decay.
struct WarmupCosine {
  double peak = 1e-3;    ///< learning rate after the warm-up
  double warmup = 0;     ///< fraction of the run for the warm-up, in [0, 1)
  double min_ratio = 0;  ///< final learning rate / peak

  /// Learning rate at `progress`, the completed fraction of the run, by steps or by time; clamped to [0, 1].
  double operator()(double progress) const {
    progress = std::clamp(progress, 0.0, 1.0);
    if (progress < warmup) return peak * progress / warmup;
    const double decayed = (progress - warmup) / (1 - warmup);
    return peak * (min_ratio + (1 - min_ratio) * 0.5 * (1 + std::cos(std::numbers::pi * decayed)));
  }
};

}  // namespace rondo::inline RONDO_ABI
