// SPDX-License-Identifier: MIT
// SmallDisk: limits the size of the process's files, to simulate a full disk. POSIX systems only; tests that use it are
// compiled only there.
#pragma once

#if !defined(_WIN32)

#include <sys/resource.h>

#include <csignal>

namespace rondo_test {

class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &former_);
    const rlimit small{bytes, former_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &former_);
    std::signal(SIGXFSZ, handler_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit former_{};
  void (*handler_)(int);
};

}  // namespace rondo_test

#endif
