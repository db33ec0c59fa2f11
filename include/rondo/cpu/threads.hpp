// SPDX-License-Identifier: MIT
// The number of threads of operations on the CPU. Threads are OpenMP threads: with RONDO_COMPILED the library must be
// compiled with OpenMP, otherwise the program. Without OpenMP there is one thread. Results are bit-identical for any
// number of threads.
#pragma once

#include <rondo/version.hpp>

namespace rondo::inline RONDO_ABI {

/// The number of threads that operations on the CPU may use. 1 unless set: a library does not use more cores without
/// permission.
RONDO_INLINE int num_threads();

/// The number of processors; 1 without OpenMP.
RONDO_INLINE int max_threads();

/// Sets the number of threads to `count`, clamped to [1, max_threads()]. Returns the number in use.
RONDO_INLINE int set_num_threads(int count);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/threads.inl>
#endif
