// SPDX-License-Identifier: MIT
// A recurrent layer with every algorithm, direction and precision against the plain pass in double: sizes around a
// warp, a tile and a quad, ragged and dense, with non-zero states and state gradients.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// One case with every algorithm in both directions. The caches are reused from case to case, to detect values that
/// remain from an earlier shape.
template <class Cell>
class EveryAlgorithm {
 public:
  void check(CaseShape shape) {
    for (Index projection : {Index{0}, shape.H / 2}) {
      if (projection > 0 && !Cell::kHasC) continue;
      shape.projection = projection;
      for (Direction direction : {Direction::forward, Direction::reverse}) {
        shape.direction = direction;
        check_one(shape);
      }
      if (shape.H / 2 == 0) break;
    }
  }

 private:
  void check_one(const CaseShape& shape) {
    const RecurrentCase<Cell> in(shape, ++seed_);
    const CaseResults exact = reference(in);
    for (RecurrentAlgorithm algorithm : kAlgorithms) {
      const AlgorithmGuard guard(algorithm);
      // Every other case: outputs and input gradient as in the second direction of a layer.
      const bool second = seed_ % 4 >= 2;
      const CaseResults got =
          run_on_device(in, cache_, {.rows_above = second ? in.h0.features() : 0, .add_to_dx = second});
      INFO(text<Cell>(algorithm, shape));
      require_close(shape, got, exact);
    }
  }

  std::uint64_t seed_ = 0;
  RecurrentCache<float, Cuda> cache_;
};

}  // namespace

TEMPLATE_TEST_CASE("Recurrent layer on CUDA: every algorithm, units by columns", "", LstmCell, GruCell,
                   PeepholeLstmCell, CoupledLstmCell, CoupledPeepholeLstmCell) {
  if (!gpu_available()) return;
  EveryAlgorithm<TestType> every;
  for (Index H : {1, 5, 31, 33, 100})
    for (Index B : {1, 3, 16}) {
      every.check({H % 7 + 1, H, B, 3});
      every.check({H % 5 + 2, H, B, 4, unsorted_lengths(B, 4)});
    }
}

TEST_CASE("Recurrent layer on CUDA: every algorithm, large layers and batches") {
  if (!gpu_available()) return;
  EveryAlgorithm<LstmCell> every;
  for (const CaseShape& s : {CaseShape{3, 128, 3, 2}, {9, 257, 2, 2}, {4, 512, 1, 2}, {2, 33, 65, 2}, {40, 8, 5, 17}})
    every.check(s);
  every.check({2, 20, 65, 3, unsorted_lengths(65, 3)});
}

TEMPLATE_TEST_CASE("Recurrent layer on CUDA: every algorithm, long and empty sequences", "", LstmCell, GruCell) {
  if (!gpu_available()) return;
  EveryAlgorithm<TestType> every;
  every.check({3, 7, 2, 300});
  every.check({2, 33, 3, 17, {17, 1, 9}});
  every.check({2, 5, 3, 4, {0, 0, 0}});
  every.check({2, 5, 3, 1});
}

TEST_CASE("Recurrent layer on CUDA: more than 2^16 steps") {
  if (!gpu_available()) return;
  const CaseShape shape{1, 2, 1, 70000};
  const RecurrentCase<LstmCell> in(shape, 1);
  const CaseResults exact = reference(in);
  for (RecurrentAlgorithm algorithm : kAlgorithms) {
    // Half a billion switches of fibres would take too long.
    if (algorithm != RecurrentAlgorithm::stepwise && cuda::Context::current().device().name == "host executor")
      continue;
    const AlgorithmGuard guard(algorithm);
    RecurrentCache<float, Cuda> cache;
    const CaseResults got = run_on_device(in, cache);
    INFO(text<LstmCell>(algorithm, shape));
    require_close(shape, got, exact);
  }
}

TEST_CASE("Recurrent layer on CUDA: a requested algorithm that fits runs") {
  if (!gpu_available()) return;
  const RecurrentCase<LstmCell> in({3, 40, 5, 3}, 1);
  RecurrentCache<float, Cuda> cache;
  for (RecurrentAlgorithm algorithm : kAlgorithms) {
    const bool clusters =
        algorithm == RecurrentAlgorithm::cluster_persistent || algorithm == RecurrentAlgorithm::dataflow_persistent;
    if (clusters && cuda::Context::current().device().major < 9) continue;
    const AlgorithmGuard guard(algorithm);
    run_on_device(in, cache);
    CHECK(cuda::name(cuda::Context::current().last_algorithm()) == std::string(cuda::name(algorithm)));
  }
  const AlgorithmGuard guard(RecurrentAlgorithm::cluster_persistent);  // not supported for double
  RecurrentCache<double, Cuda> wide;
  const CaseResults got = run_on_device<double>(in, wide), exact = reference(in);
  CHECK(cuda::Context::current().last_algorithm() == RecurrentAlgorithm::graph);
  for (std::size_t n = 0; n < exact.tensors.size(); ++n)
    for (const auto& [name, values] : got.tensors)
      if (name == exact.tensors[n].first) CHECK(relative_error(values, exact.tensors[n].second) < 1e-14);
}

TEMPLATE_TEST_CASE("Recurrent layer on CUDA: two runs are bit-identical, whatever the cache holds", "", LstmCell,
                   GruCell) {
  if (!gpu_available()) return;
  for (bool ragged : {false, true}) {
    const CaseShape shape{5, 37, 9, 6, ragged ? unsorted_lengths(9, 6) : std::vector<Index>{}};
    const RecurrentCase<TestType> in(shape, 2), other({4, 50, 11, 7}, 3);
    for (RecurrentAlgorithm algorithm : kAlgorithms)
      for (Precision precision : {Precision::fp32, Precision::bf16}) {
        const AlgorithmGuard guard(algorithm);
        RecurrentCache<float, Cuda> first, second;
        const CaseResults once = run_on_device(in, first, {.precision = precision});
        run_on_device(other, second, {.precision = precision});
        const CaseResults twice = run_on_device(in, second, {.precision = precision});
        INFO(text<TestType>(algorithm, shape));
        for (std::size_t n = 0; n < once.tensors.size(); ++n) {
          INFO(once.tensors[n].first);
          CHECK(once.tensors[n].second == twice.tensors[n].second);
        }
      }
  }
}

TEMPLATE_TEST_CASE("Recurrent layer on CUDA: the error of a precision matches its mantissa", "", LstmCell, GruCell) {
  if (!gpu_available()) return;
  struct Expected {
    Precision precision;
    double forward, backward;  // unit roundoff of the operands
  };
  RecurrentCache<float, Cuda> cache;
  for (bool ragged : {false, true})
    for (const CaseShape& s : {CaseShape{9, 33, 5, 6}, {30, 100, 17, 4}, {5, 8, 1, 9}, {3, 300, 2, 2}}) {
      CaseShape shape{s.C, s.H, s.B, s.T, ragged ? unsorted_lengths(s.B, s.T) : std::vector<Index>{}};
      shape.direction = ragged ? Direction::reverse : Direction::forward;
      if (TestType::kHasC && s.H == 33) shape.projection = 20;
      const RecurrentCase<TestType> in(shape, 4);
      const CaseResults exact = reference(in);
      for (const Expected& e : {Expected{Precision::bf16, 0x1p-9, 0x1p-9},
                                {Precision::fp16, 0x1p-12, 0x1p-9},
                                {Precision::tf32, kTf32Roundoff, kTf32Roundoff}})
        for (RecurrentAlgorithm algorithm : kAlgorithms) {
          const AlgorithmGuard guard(algorithm);
          const CaseResults got = run_on_device(in, cache, {.precision = e.precision});
          INFO(text<TestType>(algorithm, shape) << ", unit roundoff " << e.forward);
          // Both operands of every product are rounded: sums of products have errors of about 2^0.5 roundings of their
          // size, which T steps propagate without amplification.
          for (std::size_t n = 0; n < got.tensors.size(); ++n) {
            const auto& [name, values] = got.tensors[n];
            const double unit = name[0] == 'd' ? e.backward : e.forward;
            for (const auto& [exact_name, exact_values] : exact.tensors)
              if (exact_name == name) {
                INFO(name);
                const double error = relative_error(values, exact_values);
                CHECK(error <= 4 * unit);
                if (name == "y") CHECK(error > unit / 64);
              }
          }
        }
    }
}
