// SPDX-License-Identifier: MIT
// Independent jobs in several threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

namespace piano {

/// Runs job(i) for i = 0..count-1 in that many threads; job must not throw.
template <class Job>
void parallel_for(std::size_t count, int threads, Job job) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) job(i);
  };
  std::vector<std::jthread> workers;
  for (int t = 1; t < threads && static_cast<std::size_t>(t) < count; ++t) try {
      workers.emplace_back(work);
    } catch (const std::system_error&) {  // no more threads available: the existing ones do the work
      break;
    }
  work();
}

}  // namespace piano
