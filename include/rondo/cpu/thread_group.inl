// SPDX-License-Identifier: MIT
// Definitions of cpu/thread_group.hpp, which includes this or comes before it.
#pragma once

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace rondo::inline RONDO_ABI::detail {

RONDO_INLINE void run_group([[maybe_unused]] int size, void (*function)(void*, const ThreadGroup&), void* context) {
#if defined(_OPENMP)
  if (size > 1 && !omp_in_parallel()) {
    Barrier barrier;
#pragma omp parallel num_threads(size)
    function(context, ThreadGroup{omp_get_thread_num(), omp_get_num_threads(), &barrier});
    return;
  }
#endif
  function(context, ThreadGroup{});
}

}  // namespace rondo::inline RONDO_ABI::detail
