// SPDX-License-Identifier: MIT
// Key finding with the profiles of Krumhansl and Kessler 1982 (https://doi.org/10.1037/0033-295X.89.4.334): the key
// whose profile has the highest correlation with the histogram of pitch classes (Krumhansl 1990, chapter 4).
#pragma once

#include <array>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace rondo::inline v0::music {

inline constexpr int kKeys = 24;  ///< number of keys: 0..11 are C major to B major, 12..23 C minor to B minor

/// Most correlated key of a histogram of pitch classes, C first; -1 if all values are equal.
inline int find_key(const std::array<double, 12>& histogram) {
  constexpr std::array<std::array<double, 12>, 2> kProfiles = {{
      {6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88},
      {6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17},
  }};
  const auto centred = [](std::array<double, 12> x) {
    double mean = 0;
    for (double v : x) mean += v / 12;
    for (double& v : x) v -= mean;
    return x;
  };
  const auto x = centred(histogram);
  double best = 1e-9;
  int key = -1;
  for (int mode = 0; mode < 2; ++mode) {
    const auto profile = centred(kProfiles[static_cast<std::size_t>(mode)]);
    double norm = 0;
    for (double v : profile) norm += v * v;
    for (int tonic = 0; tonic < 12; ++tonic) {
      double product = 0;
      for (std::size_t k = 0; k < 12; ++k) product += x[(k + static_cast<std::size_t>(tonic)) % 12] * profile[k];
      if (product / std::sqrt(norm) > best) best = product / std::sqrt(norm), key = 12 * mode + tonic;
    }
  }
  return key;
}

/// The key after transposing by `semitones`; -1 stays -1.
constexpr int transpose_key(int key, int semitones) {
  return key < 0 ? key : key - key % 12 + ((key % 12 + semitones) % 12 + 12) % 12;
}

/// Name of a key: "C major", "F# minor"; "" for -1.
inline std::string key_name(int key) {
  constexpr std::array<const char*, 12> kNames = {"C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"};
  if (key < 0 || key >= kKeys) return "";
  return std::string(kNames[static_cast<std::size_t>(key % 12)]) + (key < 12 ? " major" : " minor");
}

/// Parses "C", "C major", "Am", "F# minor", "bb min". Case does not matter, except for a single m (minor), since M
/// often means major. Throws std::invalid_argument for anything else.
inline int key_named(std::string_view text) {
  const auto wrong = [&] {
    return std::invalid_argument("key: '" + std::string(text) +
                                 "' is not a key; wanted e.g. 'C major', 'F# minor', 'Am'");
  };
  constexpr std::array<int, 7> kTonics = {9, 11, 0, 2, 4, 5, 7};  // A..G
  if (text.empty()) throw wrong();
  const int letter = std::toupper(static_cast<unsigned char>(text[0])) - 'A';
  if (letter < 0 || letter > 6) throw wrong();
  int tonic = kTonics[static_cast<std::size_t>(letter)];
  std::size_t at = 1;
  if (at < text.size() && text[at] == '#')
    ++tonic, ++at;
  else if (at < text.size() && text[at] == 'b')
    --tonic, ++at;
  while (at < text.size() && (text[at] == ' ' || text[at] == '-')) ++at;
  std::string mode(text.substr(at));
  if (mode.size() > 1)
    for (char& c : mode) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const int first = mode.empty() || mode == "major" || mode == "maj"  ? 0
                    : mode == "m" || mode == "minor" || mode == "min" ? 12
                                                                      : -1;
  if (first < 0) throw wrong();
  return first + (tonic + 12) % 12;
}

}  // namespace rondo::inline v0::music
