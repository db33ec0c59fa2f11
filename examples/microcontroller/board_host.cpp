// SPDX-License-Identifier: MIT
#include "board.hpp"

#include <chrono>
#include <cstdio>

namespace board {

void print(const char* text, unsigned number) { std::printf("%s%u\n", text, number); }

unsigned ticks() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<unsigned>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace board
