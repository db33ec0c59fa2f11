// SPDX-License-Identifier: MIT
// Shared by tests of all levels.
#pragma once

#include <limits>
#include <vector>

#include <rondo/cpu/level.hpp>

namespace rondo_test {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// The levels that this machine supports, the lowest first.
inline std::vector<rondo::CpuLevel> levels() {
  std::vector<rondo::CpuLevel> all;
  for (const rondo::CpuLevel level : rondo::kCpuLevels)
    if (level <= rondo::best_cpu_level()) all.push_back(level);
  return all;
}

/// Restores the level at the end of a test.
struct LevelGuard {
  rondo::CpuLevel before = rondo::cpu_level();
  ~LevelGuard() { rondo::set_cpu_level(before); }
};

}  // namespace rondo_test
