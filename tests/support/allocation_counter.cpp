// SPDX-License-Identifier: MIT
// With glibc this program's malloc is the one below: it counts and hands on to the library's own. AddressSanitizer
// brings a malloc that must not be replaced; there, and elsewhere, operator new alone is counted.
#include "support/allocation_counter.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define RONDO_TEST_OWN_MALLOC 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef RONDO_TEST_OWN_MALLOC
#endif
#endif
#endif

namespace {
std::atomic<std::size_t> count{0};
}

std::size_t rondo_test::allocations() { return count.load(); }

#ifdef RONDO_TEST_OWN_MALLOC

bool rondo_test::counts_malloc() { return true; }

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  ++count;
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) {
  ++count;
  return __libc_calloc(n, size);
}
void* realloc(void* p, std::size_t size) {
  ++count;
  return __libc_realloc(p, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  ++count;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** p, std::size_t alignment, std::size_t size) {
  *p = memalign(alignment, size);
  return *p ? 0 : ENOMEM;
}
}

#else

bool rondo_test::counts_malloc() { return false; }

namespace {
void* counted(void* p) {
  ++count;
  return p ? p : throw std::bad_alloc();
}
std::size_t rounded_up(std::size_t size, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  return (size + a - 1) / a * a;
}
}  // namespace

// The array and nothrow forms of the standard library call these.
void* operator new(std::size_t size) { return counted(std::malloc(size > 0 ? size : 1)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(std::aligned_alloc(static_cast<std::size_t>(alignment), rounded_up(size > 0 ? size : 1, alignment)));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

#endif
