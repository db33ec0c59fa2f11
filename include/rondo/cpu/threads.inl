// SPDX-License-Identifier: MIT
// Definitions of cpu/threads.hpp, which includes this or comes before it. Only this file and thread_group.inl depend on
// OpenMP.
#pragma once

#include <algorithm>
#include <atomic>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace rondo::inline RONDO_ABI {

namespace detail {
inline std::atomic<int>& threads_in_use() {
  static std::atomic<int> threads = 1;
  return threads;
}
}  // namespace detail

RONDO_INLINE int num_threads() { return detail::threads_in_use().load(std::memory_order_relaxed); }

RONDO_INLINE int max_threads() {
#if defined(_OPENMP)
  return omp_get_num_procs();
#else
  return 1;
#endif
}

RONDO_INLINE int set_num_threads(int count) {
  const int used = std::clamp(count, 1, max_threads());
  detail::threads_in_use() = used;
  return used;
}

}  // namespace rondo::inline RONDO_ABI
