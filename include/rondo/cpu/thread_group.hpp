// SPDX-License-Identifier: MIT
// A group of threads for one call: one parallel region around a whole pass, barriers inside it. Every number is
// computed by one thread in one order, so results are bit-identical for any number of threads.
#pragma once

#include <rondo/core/view.hpp>

#include <algorithm>
#include <atomic>
#include <type_traits>

namespace rondo::inline RONDO_ABI::detail {

/// A barrier that spins for some microseconds, the usual case, and then sleeps: where other programs use the cores too,
/// a thread may be suspended for milliseconds, and spinning would keep its core busy. (GNU OpenMP's own barrier spins
/// that long; beside one busy process it made training twenty times slower.)
class Barrier {
 public:
  /// Returns once `threads` threads have called it.
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

/// One thread of a group and its share of the work.
struct ThreadGroup {
  int thread_index = 0, size = 1;
  Barrier* shared_barrier = nullptr;

  /// Waits for all threads of the group.
  void barrier() const {
    if (size > 1) shared_barrier->wait(size);
  }

  struct Range {
    Index first, last;
    Index size() const { return last - first; }
  };

  /// This thread's part of [0, n), in whole grains except for the last.
  Range range(Index n, Index grain = 1) const {
    const Index grains = (n + grain - 1) / grain;
    return {std::min(n, grains * thread_index / size * grain), std::min(n, grains * (thread_index + 1) / size * grain)};
  }
};

/// function(context, group) in `size` threads at once; with one, a plain call. The only place where
/// threads begin.
RONDO_INLINE void run_group(int size, void (*function)(void* context, const ThreadGroup&), void* context);

/// body(group) in `size` threads at once.
template <class Body>
void run_parallel(int size, Body&& body) {
  run_group(
      size,
      [](void* context, const ThreadGroup& group) { (*static_cast<std::remove_reference_t<Body>*>(context))(group); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace rondo::inline RONDO_ABI::detail

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/thread_group.inl>
#endif
