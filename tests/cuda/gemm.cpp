// SPDX-License-Identifier: MIT
// Products of arbitrary views, transposed or not, packed or not.
#include <cmath>
#include <limits>

#include "cuda/device_matrix.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

struct ProductShape {
  Index rows, cols, depth;
};
constexpr ProductShape kProductShapes[] = {{0, 3, 2},   {3, 0, 2},    {3, 2, 0},     {1, 1, 1},    {31, 33, 1},
                                           {1, 33, 31}, {33, 1, 257}, {128, 65, 31}, {257, 31, 33}};

/// c + op(a) op(b), with a bound of the rounding errors of each element.
template <class Scalar>
void check_product(const Matrix<Scalar>& result, const Matrix<Scalar>& c, Op op_a, const Matrix<Scalar>& a, Op op_b,
                   const Matrix<Scalar>& b) {
  const Index depth = op_a == Op::none ? a.cols : a.rows;
  for (Index j = 0; j < c.cols; ++j)
    for (Index i = 0; i < c.rows; ++i) {
      double sum = c(i, j), magnitudes = std::abs(sum), least = 0;
      for (Index k = 0; k < depth; ++k) {
        const double product = double{op_a == Op::none ? a(i, k) : a(k, i)} * (op_b == Op::none ? b(k, j) : b(j, k));
        const double t = sum + product;  // Neumaier's sum: accurate enough as a reference for double
        least += std::abs(sum) >= std::abs(product) ? (sum - t) + product : (product - t) + sum;
        sum = t;
        magnitudes += std::abs(product);
      }
      const double bound = static_cast<double>(depth + 2) * std::numeric_limits<Scalar>::epsilon() * magnitudes;
      REQUIRE(std::abs(result(i, j) - (sum + least)) <= bound);
    }
}

}  // namespace

TEMPLATE_TEST_CASE("CUDA: gemm accumulates a product, for all combinations of transposes", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(1);
  for (auto [rows, cols, depth] : kProductShapes)
    for (Op op_a : {Op::none, Op::transpose})
      for (Op op_b : {Op::none, Op::transpose})
        for (Index gap : {0, 3}) {
          INFO(rows << " x " << cols << " x " << depth << ", ops " << int(op_a) << int(op_b) << ", gap " << gap);
          const auto a =
              op_a == Op::none ? random_matrix<TestType>(rows, depth, rng) : random_matrix<TestType>(depth, rows, rng);
          const auto b =
              op_b == Op::none ? random_matrix<TestType>(depth, cols, rng) : random_matrix<TestType>(cols, depth, rng);
          const auto before = random_matrix<TestType>(rows, cols, rng);
          DeviceMatrix<TestType> left(a, gap), right(b, gap), c(before, gap);
          gemm(Cuda{}, op_a, op_b, left.view(), right.view(), c.view());
          check_product(c.get(), before, op_a, a, op_b, b);
        }
}

TEMPLATE_TEST_CASE("CUDA: a packed operand is a copy, transposed or not", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(2);
  PackedMatrix<TestType, Cuda> packed;
  for (Op op : {Op::none, Op::transpose})
    for (Index gap : {0, 3}) {
      const auto a = op == Op::none ? random_matrix<TestType>(33, 31, rng) : random_matrix<TestType>(31, 33, rng);
      const auto b = random_matrix<TestType>(31, 5, rng), before = random_matrix<TestType>(33, 5, rng);
      DeviceMatrix<TestType> left(a, gap), right(b, gap), c(before, gap);
      pack<TestType>(Cuda{}, op, left.view(), packed);
      fill(Cuda{}, left.view(), 0);  // the packed operand must not depend on it
      CHECK(packed.rows == 33);
      CHECK(packed.depth == 31);
      gemm(Cuda{}, packed, right.view(), c.view());
      check_product(c.get(), before, op, a, Op::none, b);
    }
}
