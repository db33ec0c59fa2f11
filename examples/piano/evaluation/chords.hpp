// SPDX-License-Identifier: MIT
// Which notes form a chord. The notes of a recorded chord do not start exactly together.
#pragma once

namespace piano {

/// Notes within that many seconds of a chord's first note belong to the chord. The value is between two steps of 10 ms,
/// so that rounding does not decide for notes three steps apart.
inline constexpr double kChordSeconds = 0.035;

}  // namespace piano
