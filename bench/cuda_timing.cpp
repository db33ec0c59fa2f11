// SPDX-License-Identifier: MIT
#include "cuda_timing.hpp"

#include <rondo/core/error.hpp>

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>

namespace bench {
namespace {

void check(cudaError_t status, const char* call) {
  if (status != cudaSuccess)
    throw rondo::cuda::error(rondo::detail::concat("bench_cuda: ", call, ": ", cudaGetErrorString(status)));
}

class Event {
 public:
  Event() { check(cudaEventCreate(&event_), "cudaEventCreate"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(rondo::cuda::Stream stream) { check(cudaEventRecord(event_, stream), "cudaEventRecord"); }
  double seconds_until(const Event& later) const {
    float ms = 0;
    check(cudaEventElapsedTime(&ms, event_, later.event_), "cudaEventElapsedTime");
    return 1e-3 * static_cast<double>(ms);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

Time summary(std::vector<double> seconds) {
  std::ranges::sort(seconds);
  const std::size_t n = seconds.size();
  return {(seconds[(n - 1) / 2] + seconds[n / 2]) / 2, seconds.front()};
}

}  // namespace

std::vector<Time> time_parts(rondo::cuda::Context& context, const Plan& plan,
                             std::span<const std::function<void()>> parts) {
  const auto run = [&](int times, std::vector<Event>& marks) {
    marks[0].record(context.stream());
    std::size_t next = 1;
    for (int i = 0; i < times; ++i)
      for (const auto& part : parts) {
        part();
        marks[next++].record(context.stream());
      }
    context.synchronize();
  };
  const auto marks_for = [&](int times) {
    return std::vector<Event>(static_cast<std::size_t>(times) * parts.size() + 1);
  };

  auto marks = marks_for(plan.warm_up);
  run(plan.warm_up, marks);
  const double last = marks[marks.size() - 1 - parts.size()].seconds_until(marks.back());
  const int times =
      static_cast<int>(std::clamp(plan.seconds / std::max(last, 1e-9), 1.0 * plan.min_runs, 1.0 * plan.max_runs));
  marks = marks_for(times);
  run(times, marks);

  std::vector<Time> all;
  for (std::size_t p = 0; p <= parts.size(); ++p) {
    std::vector<double> seconds;
    for (std::size_t first = 0; first + 1 < marks.size(); first += parts.size())
      seconds.push_back(p < parts.size() ? marks[first + p].seconds_until(marks[first + p + 1])
                                         : marks[first].seconds_until(marks[first + parts.size()]));
    all.push_back(summary(std::move(seconds)));
  }
  return all;
}

}  // namespace bench
