// SPDX-License-Identifier: MIT
// Time on a GPU: events in the stream, between calls that are queued without a wait between them, as a training loop
// queues them. Calls that come before are warm-up: they load modules, capture graphs and take memory.
#pragma once

#include <rondo/cuda/context.hpp>

#include <functional>
#include <span>
#include <vector>

namespace bench {

/// How long to repeat a call.
struct Plan {
  int warm_up = 2;
  int min_runs = 7, max_runs = 100;  // runs that count
  double seconds = 0.15;             // for which it goes on between the two
};

struct Time {
  double median = 0, min = 0;  // seconds
};

/// Times of the parts of a call, which run one after the other on the context's stream, and last that of the whole.
/// Throws rondo::cuda::error if the work fails.
std::vector<Time> time_parts(rondo::cuda::Context& context, const Plan& plan,
                             std::span<const std::function<void()>> parts);

}  // namespace bench
