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

/// Format of the weights in streaming inference. A large layer (H >= 64) is limited by reading them: fewer bytes take
/// less time. Small layers are faster in fp32. States, sums of bf16 and nonlinearities are float.
enum class WeightPrecision {
  fp32,  ///< as trained
  bf16,  ///< rounded to 8 bits of mantissa
  int8   ///< rounded to integers with one scale for each row; products of them and of h, rounded to 15 bits, in int32
};

/// Options of StreamingRecurrent and StreamingModel.
struct StreamingOptions {
  /// Accuracy of sigmoid and tanh. `fast` affects float networks of LSTM or GRU layers without projection and layer
  /// norm, at the instruction-set levels above the baseline; all others compute with `exact`.
  Math math = Math::exact;
  /// Format of R, and of W with more than 4 inputs. Biases and a linear layer stay as they are. bf16 and int8 are for
  /// float networks of LSTM or GRU layers without projection and layer norm; the constructor refuses others.
  WeightPrecision precision = WeightPrecision::fp32;
  /// B: independent streams that use the same weights and take their steps together.
  Index voices = 1;
};

}  // namespace rondo::inline RONDO_ABI
