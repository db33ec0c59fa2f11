// SPDX-License-Identifier: MIT
// What a loss tells.
#pragma once

#include <rondo/core/view.hpp>

#include <cstdint>

namespace rondo::inline RONDO_ABI {

/// A target that does not count.
inline constexpr std::int32_t kIgnoreIndex = -1;

struct Loss {
  double sum = 0;   // nats
  Index count = 0;  // steps that counted
  double mean() const { return count > 0 ? sum / static_cast<double>(count) : 0; }
};

}  // namespace rondo::inline RONDO_ABI
