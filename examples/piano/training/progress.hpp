// SPDX-License-Identifier: MIT
// Progress display: a bar that is redrawn on a terminal, plain lines elsewhere. It is written to stderr; stdout is for
// results.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

namespace piano {

class Progress {
 public:
  /// A display that shows nothing if `quiet`.
  explicit Progress(bool quiet = false) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) != 0) {}

  /// `done` in [0, 1]. Writes at most ten times per second on a terminal, every ten seconds elsewhere.
  void show(double done, const std::string& text) {
    if (quiet_) return;
    const auto now = Clock::now();
    const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(10000);
    if (shown_once_ && now - last_ < pause) return;
    last_ = now;
    shown_once_ = true;
    if (!terminal_) {
      std::fprintf(stderr, "%3.0f %%  %s\n", 100 * done, text.c_str());
      return;
    }
    constexpr int kWidth = 24;
    const int filled = std::clamp(static_cast<int>(done * kWidth), 0, kWidth);
    std::string bar;
    for (int i = 0; i < kWidth; ++i) bar += i < filled ? "━" : "╌";
    std::fprintf(stderr, "\r\x1b[2K%s %3.0f %%  %s", bar.c_str(), 100 * done, text.c_str());
    std::fflush(stderr);
    open_line_ = true;
  }

  /// Writes a permanent line above the bar.
  void line(const std::string& text) {
    if (quiet_) return;
    std::fprintf(stderr, "%s%s\n", open_line_ ? "\r\x1b[2K" : "", text.c_str());
    open_line_ = false;
  }

  void finish() {
    if (open_line_) std::fputc('\n', stderr);
    open_line_ = false;
  }

 private:
  using Clock = std::chrono::steady_clock;
  bool quiet_, terminal_, shown_once_ = false, open_line_ = false;
  Clock::time_point last_{};
};

/// "1:05" for 65 seconds.
inline std::string minutes_text(double seconds) {
  const long whole = std::max(0L, static_cast<long>(seconds + 0.5));
  char text[32];
  std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
  return text;
}

}  // namespace piano
