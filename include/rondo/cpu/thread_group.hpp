// SPDX-License-Identifier: MIT
// A group of threads for one pass: one OpenMP parallel region around the whole pass, with barriers inside. One thread
// computes each value, in a fixed order, so that results are bit-identical for any number of threads.
#pragma once

#include <rondo/core/view.hpp>

#include <algorithm>
#include <atomic>
#include <type_traits>

namespace rondo::inline RONDO_ABI::detail {

/// A barrier that spins for some microseconds, which is usually enough, and then sleeps. If other programs use the same
/// cores, a thread can be suspended for milliseconds, and threads that spin keep its core busy. The barrier of GNU
/// OpenMP spins that long: with one other busy process, training was 20 times slower.
class Barrier {
 public:
  /// Blocks until `threads` threads have called it.
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

/// One thread's view of its group: its index, the number of threads, the barrier.
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

  /// This thread's part of [0, n). Parts start at multiples of `grain`.
  Range range(Index n, Index grain = 1) const {
    const Index grains = (n + grain - 1) / grain;
    return {std::min(n, grains * thread_index / size * grain), std::min(n, grains * (thread_index + 1) / size * grain)};
  }
};

/// Calls function(context, group) in `size` threads; if size is 1, in the calling thread. The library starts threads
/// only here.
RONDO_INLINE void run_group(int size, void (*function)(void* context, const ThreadGroup&), void* context);

/// Calls body(group) in `size` threads.
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
