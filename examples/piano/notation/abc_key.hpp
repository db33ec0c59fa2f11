// SPDX-License-Identifier: MIT
// Key signatures: a tonic and a mode, as in `K:F#m` or `K:D dorian`, determine the number of sharps or flats, and that
// determines the alteration of each letter.
#pragma once

#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>

namespace piano {

/// Semitones added to each natural letter, indexed by letter - 'A': -1, 0 or 1.
using KeySignature = std::array<int, 7>;

/// The signature with `sharps` sharps, or, if negative, flats. Range -7..7.
inline KeySignature key_signature(int sharps) {
  constexpr std::string_view order_of_sharps = "FCGDAEB";
  KeySignature alteration{};
  const auto altered = [&](int i) -> int& {
    return alteration[static_cast<std::size_t>(order_of_sharps[static_cast<std::size_t>(i)] - 'A')];
  };
  for (int i = 0; i < sharps; ++i) altered(i) = 1;
  for (int i = 0; i < -sharps; ++i) altered(6 - i) = -1;
  return alteration;
}

/// Parses a K: field: the tonic, then nothing, `m`, or a mode (only its first three letters matter, in either case).
/// Nothing if the text is not a key or has more than seven accidentals.
inline std::optional<KeySignature> parse_key(std::string_view text) {
  constexpr std::string_view fifths = "FCGDAEB";
  const std::size_t step = text.empty() ? fifths.npos : fifths.find(text[0]);
  if (step == fifths.npos) return std::nullopt;
  int sharps = static_cast<int>(step) - 1;  // F major has one flat, C none, ...
  text.remove_prefix(1);
  if (text.starts_with('#') || text.starts_with('b')) {
    sharps += text[0] == '#' ? 7 : -7;
    text.remove_prefix(1);
  }
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::string mode;
  for (char c : text) mode += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));

  struct Mode {
    std::string_view name;
    int sharps;
  };
  constexpr Mode modes[] = {{"major", 0},     {"ionian", 0},      {"minor", -3}, {"aeolian", -3}, {"dorian", -2},
                            {"phrygian", -4}, {"mixolydian", -1}, {"lydian", 1}, {"locrian", -5}};
  if (mode == "m") mode = "minor";
  if (!mode.empty()) {
    bool known = false;
    for (const Mode& m : modes) {
      if (mode.size() < 3 || !m.name.starts_with(mode)) continue;
      sharps += m.sharps;
      known = true;
      break;
    }
    if (!known) return std::nullopt;
  }
  if (sharps < -7 || sharps > 7) return std::nullopt;
  return key_signature(sharps);
}

}  // namespace piano
