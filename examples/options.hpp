// SPDX-License-Identifier: MIT
// What the options of all programs share: ranges of numbers, --threads, and options that have a new name.
#pragma once

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

namespace examples {

/// A set of real numbers in the usual notation: "[0, inf)", "(0, 1]".
class Interval {
 public:
  /// Throws std::invalid_argument for text in another form.
  explicit Interval(std::string text) : text_(std::move(text)) {
    const char* at = text_.c_str();
    char* end = nullptr;
    const bool opens = *at == '[' || *at == '(';
    if (opens) low_ = std::strtod(at + 1, &end);
    const bool has_low = opens && end != at + 1 && *end == ',';
    const char* const second = has_low ? end + 1 : at;
    if (has_low) high_ = std::strtod(second, &end);
    if (!has_low || end == second || (*end != ']' && *end != ')') || end[1] != '\0')
      throw std::invalid_argument("Interval: '" + text_ + "' is not of the form [low, high)");
    closed_low_ = text_.front() == '[';
    closed_high_ = text_.back() == ']';
  }

  bool contains(double x) const {
    return (closed_low_ ? x >= low_ : x > low_) && (closed_high_ ? x <= high_ : x < high_);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  double low_ = 0, high_ = 0;
  bool closed_low_ = false, closed_high_ = false;
};

/// Accepts numbers in `interval`. The message for others: "--top-p: 0 is not in (0, 1]".
inline CLI::Validator real_in(const std::string& interval) {
  const auto check = [range = Interval(interval)](const std::string& text) -> std::string {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0') return "'" + text + "' is not a number";
    return range.contains(value) ? "" : text + " is not in " + range.text();
  };
  return {check, "in " + interval};
}

/// The same for integers.
inline CLI::Validator integer_in(const std::string& interval) {
  const auto check = [range = Interval(interval)](const std::string& text) -> std::string {
    std::int64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code == std::errc::result_out_of_range) return text + " is too large";
    if (code != std::errc() || end != text.data() + text.size()) return "'" + text + "' is not an integer";
    return range.contains(static_cast<double>(value)) ? "" : text + " is not in " + range.text();
  };
  return {check, "in " + interval};
}

/// Refuses the former name of an option: "--judgements: is now --evaluations". Does not appear in --help.
inline void renamed(CLI::App& app, const std::string& former, const std::string& name) {
  const auto refuse = [former, name](const CLI::results_t&) -> bool {
    throw CLI::ValidationError(former, "is now " + name);
  };
  app.add_option(former, CLI::callback_t(refuse), "")->expected(0, 1 << 20)->group("");
}

/// Refuses the former name of an option's value: "--condition: sounding is now active-notes".
inline CLI::Validator renamed_value(const std::string& former, const std::string& name) {
  return {
      [former, name](const std::string& text) { return text == former ? former + " is now " + name : std::string(); },
      ""};
}

/// --threads. `threads` has the default; it must live until `app` has parsed.
inline void add_threads_option(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "CPU threads (default: one per core); the results do not depend on the number")
      ->check(integer_in("[1, 1024]"));
}

}  // namespace examples
