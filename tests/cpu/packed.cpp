// SPDX-License-Identifier: MIT
// The packed pass of every level and cell against the plain one in double, in both directions: every number of units
// and of columns from 1 to 70, ragged and dense; bit-identical results for any number of threads; decay into denormals.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <rondo/cpu/flush_denormals.hpp>
#include <rondo/cpu/threads.hpp>
#include <rondo/math/packed_cells.hpp>

#include "cpu/levels.hpp"
#include "support/catch.hpp"
#include "support/recurrent_cases.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// One case at every level. The caches are reused from case to case, to detect values that remain from an earlier
/// shape.
template <class Cell>
class EveryLevel {
 public:
  /// Both directions.
  void check(CaseShape shape, bool with_dx = true) {
    shape.direction = seed_ % 2 == 0 ? Direction::forward : Direction::reverse;
    const RecurrentCase<Cell> in(shape, ++seed_);
    const CaseResults exact = reference(in);
    for (const auto& [name, values] : exact.tensors)
      if (shape.lengths.empty()) REQUIRE(largest(values) > 1e-3);  // not vacuous
    for (CpuLevel level : levels()) {
      set_cpu_level(level);
      INFO("level " << name(level) << ": " << text(shape));
      require_close(shape, run<float>(in, cache_, with_dx), exact);
    }
  }

 private:
  LevelGuard guard_;
  std::uint64_t seed_ = 0;
  RecurrentCache<float> cache_;
};

std::vector<Index> lengths_of_every_other(Index n, Index B, Index T) {
  return n % 2 == 0 ? unsorted_lengths(B, T) : std::vector<Index>{};
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("packed pass: every number of units", "", PackedCells) {
  EveryLevel<TestType> every;
  for (Index H = 1; H <= 70; ++H)
    for (Index B : {1, 2, 5, 6, 13}) every.check({H % 7 + 1, H, B, 3, lengths_of_every_other(H + B, B, 3)}, H % 4 != 0);
}

TEMPLATE_LIST_TEST_CASE("packed pass: every number of columns", "", PackedCells) {
  EveryLevel<TestType> every;
  for (Index B = 1; B <= 70; ++B)
    for (Index H : {1, 5, 16, 33, 48}) every.check({B % 9 + 1, H, B, 4, lengths_of_every_other(H + B, B, 4)});
}

TEMPLATE_LIST_TEST_CASE("packed pass: every number of inputs", "", PackedCells) {
  EveryLevel<TestType> every;
  for (Index C = 1; C <= 70; ++C)
    for (Index H : {3, 17}) every.check({C, H, 7, 3, lengths_of_every_other(H + C, 7, 3)});
}

TEMPLATE_LIST_TEST_CASE("packed pass: more steps than a chunk, more columns than a partial sum, ragged and dense", "",
                        PackedCells) {
  EveryLevel<TestType> every;
  for (const CaseShape& s : {CaseShape{3, 5, 1, 300},
                             {3, 5, 2, 200},
                             {9, 20, 50, 11},
                             {5, 9, 300, 3},
                             {4, 70, 129, 5},
                             {130, 17, 30, 12},
                             {6, 130, 4, 70}}) {
    every.check(s);
    every.check({s.C, s.H, s.B, s.T, unsorted_lengths(s.B, s.T)});
    every.check({s.C, s.H, s.B, s.T, std::vector<Index>(static_cast<std::size_t>(s.B), s.T / 2)});
    every.check({s.C, s.H, s.B, s.T, std::vector<Index>(static_cast<std::size_t>(s.B), 0)});
  }
}

TEMPLATE_LIST_TEST_CASE("packed pass: bit-identical for any number of threads", "", PackedCells) {
  using Cell = TestType;
  if (max_threads() == 1) {
    WARN("skipped: this program has one thread");
    return;
  }
  const LevelGuard guard;
  const int before = num_threads();
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    for (Index H : {1, 17, 40, 129})  // units divide evenly, unevenly, or not at all
      for (Index B : {1, 3, 25, 70})  // few columns, and enough to partition by columns
        for (bool ragged : {false, true}) {
          const CaseShape shape{H % 5 + 2,
                                H,
                                B,
                                5,
                                ragged ? unsorted_lengths(B, 5) : std::vector<Index>{},
                                H % 2 == B % 2 ? Direction::forward : Direction::reverse};
          const RecurrentCase<Cell> in(shape, static_cast<std::uint64_t>(H));
          INFO("level " << name(level) << ": " << text(shape));
          // Separate caches: results of one run would hide a missing barrier in the other.
          RecurrentCache<float> cache_alone, cache_shared;
          set_num_threads(1);
          const CaseResults alone = run<float>(in, cache_alone);
          set_num_threads(2);
          const CaseResults shared = run<float>(in, cache_shared);
          set_num_threads(before);
          REQUIRE(shared.guards_untouched);
          for (std::size_t n = 0; n < alone.tensors.size(); ++n) {
            INFO(alone.tensors[n].first);
            REQUIRE(alone.tensors[n].second == shared.tensors[n].second);
          }
        }
  }
}

#if defined(__SSE2__)

namespace {

constexpr unsigned kFlush = 0x8040;  // FTZ and DAZ of MXCSR

/// Restores the calling thread's floating-point mode.
struct ModeGuard {
  unsigned before = _mm_getcsr();
  ~ModeGuard() { _mm_setcsr(before); }
};

}  // namespace

TEST_CASE("packed pass: decay into denormals, in any floating-point mode, which is restored") {
  const LevelGuard level_guard;
  const ModeGuard mode_guard;
  const CaseShape shape{1, 33, 7, 40};
  RecurrentCase<LstmCell> in(shape, 3);
  for (auto* zero : {&in.x, &in.dy}) fill(Cpu{}, zero->flat(), 0.0f);
  in.layer.for_each_parameter([](const Path&, auto& p) { fill(Cpu{}, p.value(), 0.0f); }, {}, 0);
  for (Index u = 0; u < shape.H; ++u)
    in.layer.b().value()(shape.H + u, 0) = -4;  // forget: c loses a factor of 56 at each step
  const CaseResults exact = reference(in);
  // The reference has values that are denormal in float.
  const auto is_denormal = [](double v) { return v != 0 && std::abs(v) < 0x1p-126 && std::abs(v) > 0x1p-149; };
  REQUIRE(std::count_if(exact.tensors[0].second.begin(), exact.tensors[0].second.end(), is_denormal) > 100);
  constexpr unsigned kExceptions = 0x3f;  // sticky exception flags: not part of the mode
  const auto mode = [] { return _mm_getcsr() & ~kExceptions; };
  RecurrentCache<float> cache;
  for (CpuLevel level : levels()) {
    if (level == CpuLevel::baseline) continue;
    set_cpu_level(level);
    INFO("level " << name(level));
    const unsigned usual = mode_guard.before & ~kFlush & ~kExceptions;
    _mm_setcsr(usual);
    const CaseResults guarded = run<float>(in, cache);
    CHECK(mode() == usual);
    _mm_setcsr(usual | kFlush);
    const CaseResults flushed = run<float>(in, cache);
    CHECK(mode() == (usual | kFlush));
    _mm_setcsr(usual);
    require_close(shape, guarded, exact);
    for (std::size_t n = 0; n < guarded.tensors.size(); ++n) {
      INFO(guarded.tensors[n].first);
      CHECK(guarded.tensors[n].second == flushed.tensors[n].second);
      CHECK(std::none_of(guarded.tensors[n].second.begin(), guarded.tensors[n].second.end(), is_denormal));
    }
  }
}

#endif
