// SPDX-License-Identifier: MIT
// Result of a loss function.
#pragma once

#include <rondo/core/view.hpp>

#include <cstdint>

namespace rondo::inline RONDO_ABI {

/// Target that a loss ignores (PyTorch: ignore_index).
inline constexpr std::int32_t kIgnoreIndex = -1;

/// Value of a loss over a batch.
struct Loss {
  double sum = 0;   ///< sum over all included steps; nats for softmax and sigmoid losses
  Index count = 0;  ///< number of included steps (of values, for regression losses)
  /// sum / count, or 0 if nothing is included.
  double mean() const { return count > 0 ? sum / static_cast<double>(count) : 0; }
};

}  // namespace rondo::inline RONDO_ABI
