// SPDX-License-Identifier: MIT
// Timing on a GPU by events in the stream, with calls enqueued without synchronisation between them, as in a training
// loop. Warm-up calls before the measurement load modules, capture graphs and allocate memory.
#pragma once

#include <rondo/cuda/context.hpp>

#include <functional>
#include <span>
#include <vector>

namespace bench {

/// Number of repetitions of a call.
struct Plan {
  int warm_up = 2;
  int min_runs = 7, max_runs = 100;  // timed runs
  double seconds = 0.15;             // target duration within these limits
};

struct Time {
  double median = 0, min = 0;  // seconds
};

/// Times of the parts of a call, which are enqueued in order on the context's stream, followed by the time of the whole
/// call. Throws rondo::cuda::error if the work fails.
std::vector<Time> time_parts(rondo::cuda::Context& context, const Plan& plan,
                             std::span<const std::function<void()>> parts);

}  // namespace bench
