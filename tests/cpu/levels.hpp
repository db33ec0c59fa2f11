// SPDX-License-Identifier: MIT
// Shared by tests of all levels.
#pragma once

#include <vector>

#include <rondo/cpu/level.hpp>

namespace rondo_test {

/// The levels that this machine supports, the lowest first.
inline std::vector<rondo::CpuLevel> levels() {
  std::vector<rondo::CpuLevel> all;
  for (int level = 0; level <= static_cast<int>(rondo::best_cpu_level()); ++level)
    all.push_back(static_cast<rondo::CpuLevel>(level));
  return all;
}

/// Restores the level at the end of a test.
struct LevelGuard {
  rondo::CpuLevel before = rondo::cpu_level();
  ~LevelGuard() { rondo::set_cpu_level(before); }
};

}  // namespace rondo_test
