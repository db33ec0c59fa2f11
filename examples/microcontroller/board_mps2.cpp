// SPDX-License-Identifier: MIT
// Arm's MPS2 board with a Cortex-M7 (AN500), as QEMU emulates it: start-up code, output by semihosting, SysTick.
#include "board.hpp"

#include <stddef.h>
#include <stdint.h>

int main();

extern "C" {
extern uint32_t data_begin, data_end, data_in_flash, bss_begin, bss_end, stack_top;  // of the linker script
[[noreturn]] void reset_handler();
[[noreturn]] void fault_handler();
}

namespace {

volatile uint32_t& at(uint32_t address) { return *reinterpret_cast<volatile uint32_t*>(address); }
constexpr uint32_t kCoprocessorAccess = 0xE000ED88, kSysTickControl = 0xE000E010, kSysTickReload = 0xE000E014,
                   kSysTickValue = 0xE000E018;

// A call of the debugger or emulator: operation and argument in r0, r1 (Arm's semihosting specification).
void semihosting(uint32_t operation, uintptr_t argument) {
  register uint32_t r0 asm("r0") = operation;
  register uintptr_t r1 asm("r1") = argument;
  asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

[[noreturn]] void exit_with(int status) {
  const uintptr_t stopped[] = {0x20026, static_cast<uintptr_t>(status)};  // ADP_Stopped_ApplicationExit
  for (;;) semihosting(0x20, reinterpret_cast<uintptr_t>(stopped));       // SYS_EXIT_EXTENDED
}

void write(const char* text) { semihosting(0x04, reinterpret_cast<uintptr_t>(text)); }  // SYS_WRITE0

using Handler = void (*)();
[[gnu::section(".vectors"), gnu::used]] const Handler kVectors[] = {reinterpret_cast<Handler>(&stack_top),
                                                                    reset_handler,
                                                                    fault_handler,
                                                                    fault_handler,
                                                                    fault_handler,
                                                                    fault_handler,
                                                                    fault_handler};

}  // namespace

// Compilers call these also where the source does not. A program with a C library has them there.
extern "C" [[gnu::used, gnu::optimize("no-tree-loop-distribute-patterns")]] void* memcpy(void* to, const void* from,
                                                                                         size_t count) {
  for (size_t n = 0; n < count; ++n) static_cast<char*>(to)[n] = static_cast<const char*>(from)[n];
  return to;
}
extern "C" [[gnu::used, gnu::optimize("no-tree-loop-distribute-patterns")]] void* memset(void* to, int value,
                                                                                         size_t count) {
  for (size_t n = 0; n < count; ++n) static_cast<char*>(to)[n] = static_cast<char>(value);
  return to;
}

void reset_handler() {
  at(kCoprocessorAccess) = 0xFu << 20;  // floating point on
  asm volatile("dsb\n isb");
  const uint32_t* from = &data_in_flash;
  for (uint32_t* to = &data_begin; to < &data_end; ++to, ++from) *to = *from;
  for (uint32_t* to = &bss_begin; to < &bss_end; ++to) *to = 0;
  at(kSysTickReload) = 0xFFFFFF;
  at(kSysTickValue) = 0;
  at(kSysTickControl) = 5;  // counts down with the clock of the processor
  exit_with(main());
}

void fault_handler() {
  write("fault\n");
  exit_with(2);
}

namespace board {

void print(const char* text, unsigned number) {
  char line[12] = "          \n";
  char* digit = line + 10;
  do {
    *--digit = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  write(text);
  write(digit);
}

unsigned ticks() { return 0xFFFFFF - at(kSysTickValue); }

}  // namespace board
