// SPDX-License-Identifier: MIT
// Shared by tests of all levels.
#pragma once

#include <vector>

#include <rondo/cpu/level.hpp>

namespace rondo_test {

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
