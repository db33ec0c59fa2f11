// SPDX-License-Identifier: MIT
// What of a take is given, and where the model plays: the plan of a continuation, a variation, or free play.
#pragma once

#include "piano/data/primer.hpp"

#include <rondo/music/performance.hpp>

#include <cstdint>
#include <vector>

namespace piano {

/// A stretch of time, in seconds, its end not part of it.
struct Span {
  double begin, end;
};

struct GenerationPlan {
  rondo::music::Performance given;  // notes and pedal that are played as they are
  std::vector<Span> free;           // where the model plays beside them; in order, apart
};

/// The primer, then `seconds` of new music.
GenerationPlan continuation(const Primer& primer, double seconds);

/// The primer with its second half played anew. What begins in the first half is kept.
GenerationPlan regenerate_second_half(const Primer& primer);

/// The primer with `share` (0..1) of it played anew: of its stretches of about `stretch` seconds so many, drawn by
/// `seed`, at least one. What begins in the others is kept, whole.
GenerationPlan regenerate_fraction(const Primer& primer, double share, std::uint64_t seed, double stretch = 1.5);

/// `seconds` of new music from nothing.
GenerationPlan free_play(double seconds);

}  // namespace piano
