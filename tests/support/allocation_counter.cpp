// SPDX-License-Identifier: MIT
// With glibc this file replaces malloc by one that counts and forwards to the library's own. A sanitizer's malloc must
// not be replaced, but has a hook. Otherwise only operator new is counted.
#include "support/allocation_counter.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RONDO_TEST_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RONDO_TEST_SANITIZER 1
#endif
#endif

namespace {
std::atomic<std::size_t> count{0}, bytes{0};

void note(std::size_t size) {
  ++count;
  bytes += size;
}
}  // namespace

std::size_t rondo_test::allocations() { return count.load(); }
std::size_t rondo_test::allocated_bytes() { return bytes.load(); }

#if defined(RONDO_TEST_SANITIZER)

bool rondo_test::counts_malloc() { return true; }

// Declared as in <sanitizer/allocator_interface.h>, which not every package of GCC includes.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, std::size_t),
                                                         void (*)(const volatile void*));

namespace {
[[maybe_unused]] const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t size) { note(size); }, [](const volatile void*) {});
}

#elif defined(__GLIBC__)

bool rondo_test::counts_malloc() { return true; }

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  note(size);
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) {
  note(n * size);
  return __libc_calloc(n, size);
}
void* realloc(void* p, std::size_t size) {
  note(size);
  return __libc_realloc(p, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  note(size);
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
void* counted(void* p, std::size_t size) {
  note(size);
  return p ? p : throw std::bad_alloc();
}
std::size_t rounded_up(std::size_t size, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  return (size + a - 1) / a * a;
}
}  // namespace

// The array and nothrow forms of the standard library call these functions.
void* operator new(std::size_t size) { return counted(std::malloc(size > 0 ? size : 1), size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(std::aligned_alloc(static_cast<std::size_t>(alignment), rounded_up(size > 0 ? size : 1, alignment)),
                 size);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

#endif
