// SPDX-License-Identifier: MIT
// The values of ABC's header fields: fractions (L:), metres (M:), tempi (Q:). Each function parses a whole text and
// returns nothing if it is invalid; the caller reports the position.
#pragma once

#include "piano/notation/rational.hpp"
#include "piano/notation/score.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace piano {

inline std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

/// A whole number from 1 to 9999.
inline std::optional<int> parse_count(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > 9999) return std::nullopt;
  return value;
}

/// A finite decimal number without a sign, such as 0.03.
inline std::optional<double> parse_decimal(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0)) return std::nullopt;
  return value;
}

/// `3/8`, or `C` and `C|` for 4/4 and 2/2. The unit is a power of two up to 64.
inline std::optional<Metre> parse_metre(std::string_view text) {
  if (text == "C") return Metre{4, 4};
  if (text == "C|") return Metre{2, 2};
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto beats = parse_count(text.substr(0, slash)), unit = parse_count(text.substr(slash + 1));
  if (!beats || !unit || *beats > 64 || *unit > 64 || (*unit & (*unit - 1)) != 0) return std::nullopt;
  return Metre{*beats, *unit};
}

/// `1/16` of a whole note, given in quarter notes.
inline std::optional<Rational> parse_note_length(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto top = parse_count(text.substr(0, slash)), bottom = parse_count(text.substr(slash + 1));
  if (!top || !bottom) return std::nullopt;
  return Rational(4 * *top, *bottom);
}

/// `1/4=72`, or `"Andante" 1/4=72`, in quarter notes per minute. Range 5..1000.
inline std::optional<double> parse_tempo(std::string_view text) {
  if (text.starts_with('"')) {
    const auto close = text.find('"', 1);
    if (close == text.npos) return std::nullopt;
    text = trim(text.substr(close + 1));
  }
  const auto equals = text.find('=');
  if (equals == text.npos) return std::nullopt;
  const auto beat = parse_note_length(text.substr(0, equals));
  const auto beats_per_minute = parse_decimal(text.substr(equals + 1));
  if (!beat || !beats_per_minute) return std::nullopt;
  const double tempo = beat->to_double() * *beats_per_minute;
  if (tempo < 5 || tempo > 1000) return std::nullopt;
  return tempo;
}

}  // namespace piano
