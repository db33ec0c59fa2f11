// SPDX-License-Identifier: MIT
// Calls of AddressSanitizer and ThreadSanitizer by the executor. The functions belong to their runtimes; they are
// declared weak and are null if not linked, so that the same code works in every build.
#pragma once

#include <cstddef>

extern "C" {
[[gnu::weak]] void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom, std::size_t size);
[[gnu::weak]] void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom, std::size_t* size);
[[gnu::weak]] void __asan_poison_memory_region(const volatile void* memory, std::size_t size);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* memory, std::size_t size);
[[gnu::weak]] void* __tsan_get_current_fiber();
[[gnu::weak]] void* __tsan_create_fiber(unsigned flags);
[[gnu::weak]] void __tsan_destroy_fiber(void* fiber);
[[gnu::weak]] void __tsan_switch_to_fiber(void* fiber, unsigned flags);
[[gnu::weak]] void __tsan_acquire(void* address);
[[gnu::weak]] void __tsan_release(void* address);
}

namespace host_cuda {

inline bool address_sanitizer() { return __asan_poison_memory_region != nullptr; }
inline bool thread_sanitizer() { return __tsan_create_fiber != nullptr; }

/// Earlier accesses of this thread are ordered before accesses of others after `acquire` of the same address.
inline void release(void* address) {
  if (thread_sanitizer()) __tsan_release(address);
}
inline void acquire(void* address) {
  if (thread_sanitizer()) __tsan_acquire(address);
}

/// Any access between poison and unpoison is reported.
inline void poison(const void* memory, std::size_t bytes) {
  if (address_sanitizer()) __asan_poison_memory_region(memory, bytes);
}
inline void unpoison(const void* memory, std::size_t bytes) {
  if (address_sanitizer()) __asan_unpoison_memory_region(memory, bytes);
}

}  // namespace host_cuda
