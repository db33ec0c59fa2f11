// SPDX-License-Identifier: MIT
// A fibre: a stack of its own, on which the OS thread goes on with something else until it is told to come back. The
// sanitizers are told of every switch. To ThreadSanitizer each fibre is a thread, and a switch orders nothing: what two
// fibres do to one place is a race unless a barrier (release, acquire) lies between.
#pragma once

#include <cstddef>

// Processors other than x86-64, and a build with HOST_CUDA_UCONTEXT, switch by ucontext.h.
#if !defined(__x86_64__) && !defined(HOST_CUDA_UCONTEXT)
#define HOST_CUDA_UCONTEXT
#endif
#if defined(HOST_CUDA_UCONTEXT)
#include <ucontext.h>
#endif

namespace host_cuda {

class Fibre {
 public:
  /// The stack that the OS thread stands on already.
  Fibre();
  /// A new stack; the first switch to it calls `body`, which never returns.
  Fibre(std::size_t stack_bytes, void (*body)());
  ~Fibre();
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;

  /// Called on this fibre: leaves it for `to`, and returns when somebody switches back.
  void switch_to(Fibre& to);

 private:
  static void enter();  // where a new stack begins
  void arrive();        // the first thing on this stack after every switch to it

  void (*body_)() = nullptr;
  void* mapping_ = nullptr;  // guard page and stack; null: not ours
  std::size_t mapped_bytes_ = 0;
  const void* bottom_ = nullptr;  // lowest address of the stack, for AddressSanitizer
  std::size_t bytes_ = 0;
  void* fake_stack_ = nullptr;  // AddressSanitizer's, while we are away
  void* tsan_fibre_ = nullptr;
#if defined(HOST_CUDA_UCONTEXT)
  ucontext_t context_{};
#else
  void* stack_pointer_ = nullptr;  // while we are away
#endif
};

}  // namespace host_cuda
