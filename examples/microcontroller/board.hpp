// SPDX-License-Identifier: MIT
// What the example needs of a board: text output and a clock. board_host.cpp is this machine, board_mps2.cpp a
// Cortex-M7.
#pragma once

namespace board {

/// Prints one line: `text`, then `number`.
void print(const char* text, unsigned number);

/// A clock: of the processor (SysTick) on a microcontroller, in nanoseconds on this machine. 24 bits at least.
unsigned ticks();

}  // namespace board
