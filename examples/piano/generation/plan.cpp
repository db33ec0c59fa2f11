// SPDX-License-Identifier: MIT
#include "piano/generation/plan.hpp"

#include <rondo/music/hash.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <string>

namespace piano {
namespace {

namespace music = rondo::music;

/// The primer without the notes that begin in these spans; after each span the pedal is as in the primer.
GenerationPlan regenerate(const Primer& primer, std::vector<Span> spans) {
  const auto inside = [&](double time) {
    return std::any_of(spans.begin(), spans.end(), [&](const Span& s) { return s.begin <= time && time < s.end; });
  };
  auto notes = primer.performance.notes;
  std::erase_if(notes, [&](const music::Note& note) { return inside(note.start.value); });
  const auto& changes = primer.performance.controls;
  std::vector<music::ControlChange> controls;
  for (const Span& span : spans) {
    const auto next =
        std::find_if(changes.begin(), changes.end(), [&](const auto& c) { return c.time.value >= span.end; });
    if (next == changes.begin() || span.end >= primer.seconds) continue;
    controls.push_back(*std::prev(next));
    controls.back().time = {span.end};
  }
  std::remove_copy_if(changes.begin(), changes.end(), std::back_inserter(controls),
                      [&](const auto& change) { return inside(change.time.value); });
  std::stable_sort(controls.begin(), controls.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  return {music::make_performance(std::move(notes), std::move(controls)), std::move(spans)};
}

}  // namespace

Span span_of_bars(std::span<const music::BarStart> bars, int first, int last) {
  if (bars.empty()) throw std::invalid_argument("the music has no bars; give seconds");
  const auto numbered = [&](auto from, int number) {
    return std::find_if(from, bars.end(), [&](const music::BarStart& bar) { return bar.number == number; });
  };
  const auto begin = numbered(bars.begin(), first);
  const auto end = begin == bars.end() ? begin : numbered(begin, last);
  if (end == bars.end())
    throw std::invalid_argument("bars " + std::to_string(first) + " to " + std::to_string(last) +
                                " are not in the music, which has bars " + std::to_string(bars.front().number) +
                                " to " + std::to_string(bars.back().number));
  if (std::next(end) == bars.end())
    throw std::invalid_argument("bar " + std::to_string(last) + " is the last one: the stretch needs music after it");
  return {begin->seconds, std::next(end)->seconds};
}

GenerationPlan continuation(const Primer& primer, double seconds) {
  return {primer.performance, {{primer.seconds, primer.seconds + seconds}}};
}

GenerationPlan regenerate_second_half(const Primer& primer) {
  return regenerate(primer, {{primer.seconds / 2, primer.seconds}});
}

GenerationPlan regenerate_span(const Primer& primer, Span span) { return regenerate(primer, {span}); }

GenerationPlan regenerate_fraction(const Primer& primer, double fraction, std::uint64_t seed, double segment) {
  const auto count = static_cast<std::size_t>(std::max(1L, std::lround(primer.seconds / segment)));
  const auto wanted =
      std::clamp<std::size_t>(static_cast<std::size_t>(std::lround(fraction * static_cast<double>(count))), 1, count);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  music::CounterRng random(seed, 0);
  for (std::size_t i = 0; i < wanted; ++i) std::swap(order[i], order[i + random.below(count - i)]);
  std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(wanted));
  std::vector<Span> spans;
  const double each = primer.seconds / static_cast<double>(count);
  for (std::size_t i = 0; i < wanted; ++i) {
    const Span span{each * static_cast<double>(order[i]), each * static_cast<double>(order[i] + 1)};
    if (i > 0 && order[i] == order[i - 1] + 1)
      spans.back().end = span.end;
    else
      spans.push_back(span);
  }
  return regenerate(primer, std::move(spans));
}

GenerationPlan free_play(double seconds) { return {{}, {{0, seconds}}}; }

}  // namespace piano
