// SPDX-License-Identifier: MIT
// What tests that try every level share.
#pragma once

#include <vector>

#include <rondo/cpu/level.hpp>

namespace rondo_test {

/// The levels that this machine has, the lowest first.
inline std::vector<rondo::CpuLevel> levels() {
  std::vector<rondo::CpuLevel> all;
  for (int level = 0; level <= static_cast<int>(rondo::best_cpu_level()); ++level)
    all.push_back(static_cast<rondo::CpuLevel>(level));
  return all;
}

/// Puts the level back at the end of a test.
struct LevelGuard {
  rondo::CpuLevel before = rondo::cpu_level();
  ~LevelGuard() { rondo::set_cpu_level(before); }
};

}  // namespace rondo_test
