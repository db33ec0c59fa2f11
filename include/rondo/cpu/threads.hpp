// SPDX-License-Identifier: MIT
// A group of threads for one call: one parallel region around a whole pass, barriers inside it. With OpenMP where the
// program is compiled with it, else one thread. Every number is computed by one member in one order, so results have
// the same bits for any number of threads.
#pragma once

#include <rondo/core/view.hpp>

#include <algorithm>
#include <atomic>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace rondo::inline v0 {

namespace detail {
inline std::atomic<int>& threads_in_use() {
  static std::atomic<int> threads = 1;
  return threads;
}
}  // namespace detail

/// How many threads the CPU's passes may use; 1 unless set, since a library does not take cores unasked.
inline int num_threads() { return detail::threads_in_use().load(std::memory_order_relaxed); }

/// How many threads could run at once: 1 in a program compiled without OpenMP.
inline int max_threads() {
#if defined(_OPENMP)
  return omp_get_num_procs();
#else
  return 1;
#endif
}

/// Uses `count` threads from now on, or as many as the program can have if that is fewer; returns how many.
inline int set_num_threads(int count) {
  const int used = std::clamp(count, 1, max_threads());
  detail::threads_in_use() = used;
  return used;
}

namespace detail {

/// Where members wait for each other. Whoever is early spins for some microseconds, the usual case, and then sleeps:
/// where other programs take the cores too, a member may be away for milliseconds, and spinning keeps it away. (GNU
/// OpenMP's own barrier spins that long; beside one busy process it made training twenty times slower.)
class Barrier {
 public:
  /// Returns once it has been called by so many.
  void wait(int threads) {
    const unsigned generation = generation_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
      arrived_.store(0, std::memory_order_relaxed);
      generation_.fetch_add(1, std::memory_order_release);
      generation_.notify_all();
      return;
    }
    for (int i = 0; i < kSpins; ++i)
      if (generation_.load(std::memory_order_acquire) != generation) return;
    while (generation_.load(std::memory_order_acquire) == generation)
      generation_.wait(generation, std::memory_order_acquire);
  }

 private:
  static constexpr int kSpins = 20000;

  alignas(64) std::atomic<int> arrived_ = 0;
  alignas(64) std::atomic<unsigned> generation_ = 0;
};

/// One member of a group and its share of the work.
struct ThreadGroup {
  int thread_index = 0, size = 1;
  Barrier* shared_barrier = nullptr;

  /// Waits until every member is here.
  void barrier() const {
    if (size > 1) shared_barrier->wait(size);
  }

  struct Range {
    Index first, last;
    Index size() const { return last - first; }
  };

  /// This member's part of [0, n), in whole grains but for the last.
  Range range(Index n, Index grain = 1) const {
    const Index grains = (n + grain - 1) / grain;
    return {std::min(n, grains * thread_index / size * grain), std::min(n, grains * (thread_index + 1) / size * grain)};
  }
};

/// body(group) in `size` threads at once; with one, a plain call.
template <class Body>
void run_parallel([[maybe_unused]] int size, Body&& body) {
#if defined(_OPENMP)
  if (size > 1 && !omp_in_parallel()) {
    Barrier barrier;
#pragma omp parallel num_threads(size)
    body(ThreadGroup{omp_get_thread_num(), omp_get_num_threads(), &barrier});
    return;
  }
#endif
  body(ThreadGroup{});
}

}  // namespace detail

}  // namespace rondo::inline v0
