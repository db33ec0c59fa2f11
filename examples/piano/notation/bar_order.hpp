// SPDX-License-Identifier: MIT
// The sequence of bars: their printed numbers, which of them may be shorter than the metre, and the order of playing.
#pragma once

#include "piano/notation/abc_error.hpp"
#include "piano/notation/written_bar.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace piano {

enum class Repeats { play, ignore };  // ignore: every written bar once, including both endings

namespace detail {

inline bool is_short(const WrittenBar& bar) { return bar.length < bar.metre.length(); }
inline bool complete_each_other(const WrittenBar& a, const WrittenBar& b) {
  return is_short(a) && is_short(b) && a.length + b.length == b.metre.length();
}

/// An upbeat is 0; both halves of a bar that a repeat sign divides have one number; a second ending starts with the
/// number of the first ending's first bar.
inline std::vector<int> bar_numbers(const std::vector<WrittenBar>& bars) {
  std::vector<int> numbers;
  int next = is_short(bars.front()) ? 0 : 1, first_ending = next;
  for (std::size_t b = 0; b < bars.size(); ++b) {
    if (bars[b].ending == 1) first_ending = next;
    if (bars[b].ending == 2 && b > 0 && bars[b - 1].end_repeat) next = first_ending;
    const bool second_half = b > 0 && (bars[b - 1].end_repeat || bars[b].start_repeat) && bars[b].ending == 0 &&
                             complete_each_other(bars[b - 1], bars[b]);
    numbers.push_back(second_half ? next - 1 : next++);
  }
  return numbers;
}

inline std::size_t section_start(const std::vector<WrittenBar>& bars, std::size_t b) {
  for (; b > 0; --b)
    if (bars[b].start_repeat || bars[b - 1].end_repeat) return b;
  return 0;
}

/// An upbeat, the last bar that completes it, or the two halves of a bar that a repeat sign divides.
inline bool may_be_short(const std::vector<WrittenBar>& bars, std::size_t b) {
  if (b == 0) return true;
  if (b + 1 == bars.size() && complete_each_other(bars[b], bars.front())) return true;
  if (bars[b].end_repeat && complete_each_other(bars[b], bars[section_start(bars, b)])) return true;
  const auto divided_before = [&](std::size_t at) {
    return at < bars.size() && (bars[at - 1].end_repeat || bars[at].start_repeat) &&
           complete_each_other(bars[at - 1], bars[at]);
  };
  return divided_before(b) || divided_before(b + 1);
}

/// Indices of bars in the order of playing. Throws AbcError if a repeat or ending lacks its counterpart.
inline std::vector<std::size_t> play_order(const std::vector<WrittenBar>& bars, const std::vector<int>& numbers,
                                           Repeats repeats, const std::string& file) {
  const auto fail = [&](TextPosition where, const std::string& message) { throw AbcError(file, where, message); };
  std::vector<std::size_t> order;
  std::size_t start = 0, first_ending = bars.size();
  bool opened = false, wants_second = false, repeated_before = false;
  for (std::size_t b = 0; b < bars.size(); ++b) {
    const TextPosition where = bars[b].end;
    const std::string number = "bar " + std::to_string(numbers[b]);
    if (wants_second != (bars[b].ending == 2))
      fail(where, wants_second ? "no second ending after the first" : number + ": a second ending without a first");
    wants_second = false;
    if (bars[b].start_repeat) {
      if (opened) fail(where, number + ": a repeat opened within a repeat");
      opened = true;
      start = b;
    }
    if (bars[b].ending == 1) {
      if (first_ending != bars.size()) fail(where, number + ": two first endings");
      first_ending = b;
    }
    order.push_back(b);
    if (!bars[b].end_repeat) continue;
    if (!opened && repeated_before) fail(where, number + ": a repeat that was not opened");
    wants_second = first_ending != bars.size();
    if (repeats == Repeats::play)
      for (std::size_t again = start; again <= b && again != first_ending; ++again) order.push_back(again);
    first_ending = bars.size();
    opened = false;
    repeated_before = true;
    start = b + 1;
  }
  if (opened || wants_second || first_ending != bars.size())
    fail(bars.back().end, wants_second ? "no second ending after the first" : "a repeat that is not closed");
  return order;
}

}  // namespace detail

}  // namespace piano
