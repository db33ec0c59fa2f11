// SPDX-License-Identifier: MIT
// When notes are struck together. Fingers are never quite together, nor are the notes of a chord in a recording.
#pragma once

namespace piano {

/// Seconds after a chord's first note within which notes are heard as of the same chord. Between two steps of 10 ms, so
/// that it does not hang on the last bit of a time whether notes three steps apart are together.
inline constexpr double kChordSeconds = 0.035;

}  // namespace piano
