// SPDX-License-Identifier: MIT
// A team of threads for one call: one parallel region around a whole pass, barriers inside it. With OpenMP where the
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
inline int threads() { return detail::threads_in_use().load(std::memory_order_relaxed); }

/// How many threads could run at once: 1 in a program compiled without OpenMP.
inline int most_threads() {
#if defined(_OPENMP)
  return omp_get_num_procs();
#else
  return 1;
#endif
}

/// Uses `count` threads from now on, or as many as the program can have if that is fewer; returns how many.
inline int set_threads(int count) {
  const int used = std::clamp(count, 1, most_threads());
  detail::threads_in_use() = used;
  return used;
}

namespace detail {

/// Where members wait for each other. Whoever is early spins for some microseconds, the usual case, and then sleeps:
/// where other programs take the cores too, a member may be away for milliseconds, and spinning keeps it away. (GNU
/// OpenMP's own barrier spins that long; beside one busy process it made training twenty times slower.)
class Meeting {
 public:
  /// Returns once it has been called by so many.
  void wait(int members) {
    const unsigned meeting = meetings_.load(std::memory_order_acquire);
    if (here_.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
      here_.store(0, std::memory_order_relaxed);
      meetings_.fetch_add(1, std::memory_order_release);
      meetings_.notify_all();
      return;
    }
    for (int i = 0; i < kSpins; ++i)
      if (meetings_.load(std::memory_order_acquire) != meeting) return;
    while (meetings_.load(std::memory_order_acquire) == meeting) meetings_.wait(meeting, std::memory_order_acquire);
  }

 private:
  static constexpr int kSpins = 20000;

  alignas(64) std::atomic<int> here_ = 0;
  alignas(64) std::atomic<unsigned> meetings_ = 0;
};

/// One member of a team and its share of the work.
struct Team {
  int member = 0, size = 1;
  Meeting* meeting = nullptr;

  /// Waits until every member is here.
  void barrier() const {
    if (size > 1) meeting->wait(size);
  }

  struct Range {
    Index first, last;
    Index size() const { return last - first; }
  };

  /// This member's part of [0, n), in whole grains but for the last.
  Range share(Index n, Index grain = 1) const {
    const Index grains = (n + grain - 1) / grain;
    return {std::min(n, grains * member / size * grain), std::min(n, grains * (member + 1) / size * grain)};
  }
};

/// body(team) in `size` threads at once; with one, a plain call.
template <class Body>
void with_team([[maybe_unused]] int size, Body&& body) {
#if defined(_OPENMP)
  if (size > 1 && !omp_in_parallel()) {
    Meeting meeting;
#pragma omp parallel num_threads(size)
    body(Team{omp_get_thread_num(), omp_get_num_threads(), &meeting});
    return;
  }
#endif
  body(Team{});
}

}  // namespace detail

}  // namespace rondo::inline v0
