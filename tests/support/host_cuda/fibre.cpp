// SPDX-License-Identifier: MIT
#include "fibre.hpp"

#include "sanitizers.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#if !defined(HOST_CUDA_UCONTEXT)

// void host_cuda_swap_stack(void** leave, void* take): pushes the callee-saved registers (System V ABI) onto the
// current stack, stores its pointer in *leave, switches to the stack `take` and pops its registers; `ret` returns to
// the caller there. swapcontext does the same, with a system call for the signal mask.
asm(R"(
  .text
  .globl host_cuda_swap_stack
  .type host_cuda_swap_stack, @function
host_cuda_swap_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size host_cuda_swap_stack, .-host_cuda_swap_stack
)");
extern "C" void host_cuda_swap_stack(void** leave, void* take);

#endif

namespace host_cuda {

namespace {

// The two ends of the switch in progress. One OS thread at a time runs kernels (runtime_state.hpp).
Fibre* left = nullptr;
Fibre* entered = nullptr;

constexpr unsigned kNoOrder = 1;  // __tsan_switch_to_fiber_no_sync

}  // namespace

Fibre::Fibre() : tsan_fibre_(thread_sanitizer() ? __tsan_get_current_fiber() : nullptr) {}

Fibre::Fibre(std::size_t stack_bytes, void (*body)()) : body_(body) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  bytes_ = (stack_bytes + page - 1) / page * page;
  mapped_bytes_ = bytes_ + page;
  mapping_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  mprotect(mapping_, page, PROT_NONE);  // a stack overflow causes a fault
  bottom_ = static_cast<char*>(mapping_) + page;
  if (thread_sanitizer()) tsan_fibre_ = __tsan_create_fiber(0);
#if !defined(HOST_CUDA_UCONTEXT)
  // The state of a function that was called at `enter` without a return address and then swapped away: six registers
  // below its address.
  auto** top = reinterpret_cast<void**>(static_cast<char*>(mapping_) + mapped_bytes_);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(&Fibre::enter);
  stack_pointer_ = top - 6;  // a new mapping contains zeros
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = const_cast<void*>(bottom_);
  context_.uc_stack.ss_size = bytes_;
  context_.uc_link = nullptr;
  makecontext(&context_, &Fibre::enter, 0);
#endif
}

Fibre::~Fibre() {
  if (!mapping_) return;
  if (thread_sanitizer()) __tsan_destroy_fiber(tsan_fibre_);
  unpoison(bottom_, bytes_);  // for the next user of these addresses
  munmap(mapping_, mapped_bytes_);
}

void Fibre::switch_to(Fibre& to) {
  if (&to == this) return;
  left = this;
  entered = &to;
  if (address_sanitizer()) __sanitizer_start_switch_fiber(&fake_stack_, to.bottom_, to.bytes_);
  if (thread_sanitizer()) __tsan_switch_to_fiber(to.tsan_fibre_, kNoOrder);
#if !defined(HOST_CUDA_UCONTEXT)
  host_cuda_swap_stack(&stack_pointer_, to.stack_pointer_);
#else
  swapcontext(&context_, &to.context_);
#endif
  arrive();
}

void Fibre::arrive() {  // receives the bounds of the previous stack: those of the OS thread's are not known otherwise
  if (address_sanitizer()) __sanitizer_finish_switch_fiber(fake_stack_, &left->bottom_, &left->bytes_);
}

void Fibre::enter() {
  entered->arrive();
  entered->body_();
  std::abort();
}

}  // namespace host_cuda
