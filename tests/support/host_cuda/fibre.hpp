// SPDX-License-Identifier: MIT
// A fibre: a separate stack, between which the OS thread switches. The sanitizers are informed of every switch. To
// ThreadSanitizer each fibre is a thread, and a switch does not order memory: accesses of two fibres to one address are
// a race unless a barrier (release, acquire) is between them.
#pragma once

#include <cstddef>

// Processors other than x86-64, and builds with HOST_CUDA_UCONTEXT, switch by ucontext.h.
#if !defined(__x86_64__) && !defined(HOST_CUDA_UCONTEXT)
#define HOST_CUDA_UCONTEXT
#endif
#if defined(HOST_CUDA_UCONTEXT)
#include <ucontext.h>
#endif

namespace host_cuda {

class Fibre {
 public:
  /// The current stack of the OS thread.
  Fibre();
  /// A new stack; the first switch to it calls `body`, which never returns.
  Fibre(std::size_t stack_bytes, void (*body)());
  ~Fibre();
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;

  /// Called on this fibre: switches to `to`, and returns after a switch back.
  void switch_to(Fibre& to);

 private:
  static void enter();  // entry point of a new stack
  void arrive();        // called on this stack after every switch to it

  void (*body_)() = nullptr;
  void* mapping_ = nullptr;  // guard page and stack; null: not owned
  std::size_t mapped_bytes_ = 0;
  const void* bottom_ = nullptr;  // lowest address of the stack, for AddressSanitizer
  std::size_t bytes_ = 0;
  void* fake_stack_ = nullptr;  // AddressSanitizer's, while not running
  void* tsan_fibre_ = nullptr;
#if defined(HOST_CUDA_UCONTEXT)
  ucontext_t context_{};
#else
  void* stack_pointer_ = nullptr;  // while not running
#endif
};

}  // namespace host_cuda
