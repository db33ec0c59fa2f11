// SPDX-License-Identifier: MIT
// How many threads the CPU's passes use. Threads are OpenMP's: with RONDO_COMPILED those of the library, else those of
// a program that is compiled with OpenMP; without it there is one thread. Results are bit-identical for any number.
#pragma once

#include <rondo/version.hpp>

namespace rondo::inline RONDO_ABI {

/// How many threads the CPU's passes may use; 1 unless set, since a library does not take cores unasked.
RONDO_INLINE int num_threads();

/// How many threads could run at once: 1 without OpenMP.
RONDO_INLINE int max_threads();

/// Uses `count` threads from now on, clamped to [1, max_threads()]; returns the number in use.
RONDO_INLINE int set_num_threads(int count);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/threads.inl>
#endif
