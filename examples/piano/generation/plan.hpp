// SPDX-License-Identifier: MIT
// The plan of a generated piece: which notes are given, and in which spans the model generates. There are plans for
// continuations, variations and music without a primer.
#pragma once

#include "piano/data/primer.hpp"

#include <rondo/music/bars.hpp>
#include <rondo/music/performance.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace piano {

/// The time interval [begin, end), in seconds.
struct Span {
  double begin, end;
};

/// From the beginning of the first bar with number `first` to the end of the next bar with number `last`, both
/// included. Throws std::invalid_argument that says which bars there are, also if no bar follows.
Span span_of_bars(std::span<const rondo::music::BarStart> bars, int first, int last);

struct GenerationPlan {
  rondo::music::Performance given;  // fixed notes and pedal changes
  std::vector<Span> free;           // where the model generates; in order, without overlaps
};

/// The primer, then `seconds` of new music.
GenerationPlan continuation(const Primer& primer, double seconds);

/// The primer with its second half regenerated. Notes that begin in the first half are kept.
GenerationPlan regenerate_second_half(const Primer& primer);

/// The primer with that span of it regenerated. Notes that begin outside are kept with their full length.
GenerationPlan regenerate_span(const Primer& primer, Span span);

/// The primer with `fraction` (0..1) of it regenerated: at least one of its segments of about `segment` seconds, drawn
/// by `seed`. Notes that begin in the other segments are kept with their full length.
GenerationPlan regenerate_fraction(const Primer& primer, double fraction, std::uint64_t seed, double segment = 1.5);

/// `seconds` of new music without a primer.
GenerationPlan free_play(double seconds);

}  // namespace piano
