// SPDX-License-Identifier: MIT
// Streams in a real-time thread: no system call. A child process enters the kernel's strict mode, in which every system
// call but read, write and exit ends it, and runs streams there. An exception or a lock that waits would make one, too;
// allocations.cpp counts allocations. Where the compiler has RealtimeSanitizer, it checks the same calls.
#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#if defined(__linux__)
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <rondo/io/read_model.hpp>
#include <rondo/io/streaming_model.hpp>
#include <rondo/layers/gru.hpp>
#include <rondo/layers/streaming.hpp>

#include "support/catch.hpp"

using namespace rondo;

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

/// The status of a child process that runs `work` in strict mode and leaves with status 0.
template <class F>
int status_in_strict_mode(F&& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) syscall(SYS_exit, 77);
    work();
    syscall(SYS_exit, 0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

#if defined(__has_feature)
#if __has_feature(realtime_sanitizer)
#define RONDO_TEST_REALTIME [[clang::nonblocking]]
#endif
#endif
#if !defined(RONDO_TEST_REALTIME)
#define RONDO_TEST_REALTIME
#endif

template <class Stream>
void run(Stream& stream, std::span<const float> x, std::span<float> y) RONDO_TEST_REALTIME {
  const auto B = static_cast<std::size_t>(stream.voices());
  const auto C = static_cast<std::size_t>(stream.input()) * B, K = static_cast<std::size_t>(stream.output()) * B;
  for (std::size_t steps : {1, 64, 0, 3, 512}) stream.process(x.first(steps * C), y.first(steps * K));
  stream.step(x.first(C));
  stream.reset();
}

}  // namespace

TEST_CASE("streams make no system call") {
  const int empty = status_in_strict_mode([] {});
  if (WIFEXITED(empty) && WEXITSTATUS(empty) == 77) return;  // this system has no strict mode
  REQUIRE(empty == 0);
  CHECK(status_in_strict_mode([] { (void)getppid(); }) != 0);  // the test notices system calls
  Rng rng(1);
  std::vector<float> x(512 * 64, 0.5f), y(512 * 210);
  x[100] = std::nanf("");
  const Lstm<float> small({.input = 1, .hidden = 16, .layers = 2}, rng), large({.input = 5, .hidden = 70}, rng);
  const Gru<float> gru({.input = 3, .hidden = 20, .layers = 2}, rng);
  const Linear<float> head(16, 1, rng);
  for (Math math : {Math::exact, Math::fast}) {
    StreamingLstm<float> small_stream(small, head, {.math = math}), large_stream(large, {.math = math});
    StreamingLstm<float> voices(small, head, {.math = math, .voices = 12});
    StreamingGru<float> gru_stream(gru, {.math = math});
    CHECK(status_in_strict_mode([&] {
            run(small_stream, x, y);
            run(large_stream, x, y);
            run(voices, x, y);
            run(gru_stream, x, y);
          }) == 0);
  }
  for (WeightPrecision precision : {WeightPrecision::bf16, WeightPrecision::int8}) {
    StreamingLstm<float> small_stream(small, head, {.precision = precision});
    StreamingLstm<float> large_stream(large, {.precision = precision, .voices = 3});
    StreamingGru<float> gru_stream(gru, {.precision = precision});
    CHECK(status_in_strict_mode([&] {
            run(small_stream, x, y);
            run(large_stream, x, y);
            run(gru_stream, x, y);
          }) == 0);
  }
  StreamingModel<float> model(parse_model(
      R"({"in_shape":[null,null,1],"in_gain":-6,"in_skip":1,"out_gain":3,"layers":[{"type":"lstm","activation":"tanh",)"
      R"("shape":[null,null,1],"weights":[[[1,2,3,4]],[[1,2,3,4]],[1,2,3,4]]},{"type":"dense","activation":"sigmoid",)"
      R"("shape":[null,null,1],"weights":[[[2]],[1]]}]})"));
  CHECK(status_in_strict_mode([&] { run(model, x, y); }) == 0);
}

#endif
