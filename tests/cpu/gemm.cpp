// SPDX-License-Identifier: MIT
// The product kernels of every level against triple loops in double, for every small shape, with guard values around C.
#include <cmath>
#include <limits>
#include <vector>

#include <rondo/core/random.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/layers/initialise.hpp>

#include "cpu/levels.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// A matrix with `gap` rows of NaN below each column, which must not be accessed.
struct GuardedMatrix {
  GuardedMatrix(Index rows_, Index cols_, Rng& rng, Index gap = 3) : rows(rows_), cols(cols_), stride(rows_ + gap) {
    values.assign(static_cast<std::size_t>(stride * cols), std::numeric_limits<float>::quiet_NaN());
    initialise_normal(view(), 1, rng);
  }
  MatrixView<float> view() { return {values.data(), rows, cols, stride}; }
  bool untouched() {
    for (Index j = 0; j < cols; ++j)
      for (Index i = rows; i < stride; ++i)
        if (!std::isnan(values[static_cast<std::size_t>(i + j * stride)])) return false;
    return true;
  }
  Index rows, cols, stride;
  std::vector<float> values;
};

/// The largest error of c against c0 + op(a) op(b), relative to its bound: depth + 1 roundings of the sum of the terms'
/// magnitudes.
double error_in_bounds(GuardedMatrix& c, GuardedMatrix& c0, GuardedMatrix& a, Op op_a, GuardedMatrix& b, Op op_b,
                       Index depth) {
  double worst = 0;
  for (Index j = 0; j < c.cols; ++j)
    for (Index i = 0; i < c.rows; ++i) {
      double sum = c0.view()(i, j), magnitude = std::abs(sum);
      for (Index k = 0; k < depth; ++k) {
        const double term = double(op_a == Op::none ? a.view()(i, k) : a.view()(k, i)) *
                            double(op_b == Op::none ? b.view()(k, j) : b.view()(j, k));
        sum += term, magnitude += std::abs(term);
      }
      const double bound = double(depth + 1) * std::numeric_limits<float>::epsilon() * magnitude;
      worst = std::max(worst, std::abs(double(c.view()(i, j)) - sum) / bound);
    }
  return worst;
}

}  // namespace

TEST_CASE("products of every small shape, at every level") {
  const LevelGuard guard;
  Rng rng(1);
  for (CpuLevel level : levels()) {
    REQUIRE(set_cpu_level(level) == level);
    INFO("level " << name(level));
    for (Index rows : {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 47, 48, 63, 64, 65, 70, 127, 129})
      for (Index cols : {1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 70})
        for (Index depth : {0, 1, 2, 7, 33, 300}) {
          if (rows * cols * depth > 200000 && rows % 16 != 1) continue;
          GuardedMatrix a(rows, depth, rng), at(depth, rows, rng), b(depth, cols, rng), bt(cols, depth, rng),
              c0(rows, cols, rng);
          INFO(rows << " x " << depth << " x " << cols);
          for (Op op_a : {Op::none, Op::transpose})
            for (Op op_b : {Op::none, Op::transpose}) {
              GuardedMatrix c = c0;
              GuardedMatrix &left = op_a == Op::none ? a : at, &right = op_b == Op::none ? b : bt;
              gemm(Cpu{}, op_a, op_b, left.view(), right.view(), c.view());
              REQUIRE(error_in_bounds(c, c0, left, op_a, right, op_b, depth) <= 1);
              REQUIRE(c.untouched());
              if (op_b == Op::transpose) continue;
              GuardedMatrix from_packed = c0;
              PackedMatrix<float, Cpu> packed;
              pack(Cpu{}, op_a, MatrixView<const float>(left.view()), packed);
              gemm(Cpu{}, packed, right.view(), from_packed.view());
              REQUIRE(from_packed.untouched());
              REQUIRE(error_in_bounds(from_packed, c0, left, op_a, right, op_b, depth) <= 1);
              if (level == CpuLevel::baseline) continue;
              for (Index j = 0; j < cols; ++j)  // bit-identical, packed or not
                for (Index i = 0; i < rows; ++i) REQUIRE(from_packed.view()(i, j) == c.view()(i, j));
            }
        }
  }
}

TEST_CASE("an element does not depend on the number of columns") {
  const LevelGuard guard;
  Rng rng(2);
  for (CpuLevel level : levels()) {
    if (level == CpuLevel::baseline) continue;  // Eigen's
    set_cpu_level(level);
    GuardedMatrix a(70, 600, rng), b(600, 23, rng), zero(70, 23, rng);
    fill(Cpu{}, zero.view(), 0);
    GuardedMatrix together = zero, alone = zero;
    gemm(Cpu{}, Op::none, Op::none, a.view(), b.view(), together.view());
    for (Index j = 0; j < 23; ++j)
      gemm(Cpu{}, Op::none, Op::none, a.view(), b.view().columns(j, 1), alone.view().columns(j, 1));
    for (Index j = 0; j < 23; ++j)
      for (Index i = 0; i < 70; ++i) REQUIRE(together.view()(i, j) == alone.view()(i, j));
  }
}

TEST_CASE("a level above that of the machine is not used") {
  const LevelGuard guard;
  CHECK(set_cpu_level(CpuLevel::avx512_bf16) == best_cpu_level());
  CHECK(set_cpu_level(CpuLevel::baseline) == CpuLevel::baseline);
  CHECK(cpu_level() == CpuLevel::baseline);
}
