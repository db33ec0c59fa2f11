// SPDX-License-Identifier: MIT
// Threads. The only source file of the library that is affected by OpenMP.
#include <rondo/cpu/thread_group.hpp>
#include <rondo/cpu/thread_group.inl>
#include <rondo/cpu/threads.hpp>
#include <rondo/cpu/threads.inl>
