// SPDX-License-Identifier: MIT
// Options of streaming inference.
#pragma once

#include <rondo/core/view.hpp>

namespace rondo::inline RONDO_ABI {

/// Accuracy of sigmoid and tanh in streaming inference.
enum class Math {
  exact,  ///< absolute error of tanh below 4e-7, of sigmoid below 2e-7: the rounding errors of float
  fast,   ///< absolute error of tanh below 1e-4, of sigmoid below 5e-5
};

/// Options of StreamingRecurrent and StreamingModel.
struct StreamingOptions {
  /// Accuracy of sigmoid and tanh. `fast` affects float networks of LSTM or GRU layers without projection and layer
  /// norm, at the instruction-set levels above the baseline; all others compute with `exact`.
  Math math = Math::exact;
  /// B: independent streams that use the same weights and take their steps together.
  Index voices = 1;
};

}  // namespace rondo::inline RONDO_ABI
