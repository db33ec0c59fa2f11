// SPDX-License-Identifier: MIT
// Threads: the only source file in which OpenMP matters.
#include <rondo/cpu/thread_group.inl>
#include <rondo/cpu/threads.inl>
