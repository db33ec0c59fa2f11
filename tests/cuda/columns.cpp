// SPDX-License-Identifier: MIT
// Filling a matrix, adding a bias to its columns, summing its columns.
#include <cmath>
#include <limits>

#include "cuda/device_matrix.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

struct MatrixShape {
  Index rows, cols;
};

/// Every pair of sizes, and more columns than the limit of the grid's y dimension.
std::vector<MatrixShape> matrix_shapes() {
  std::vector<MatrixShape> all;
  for (Index rows : kSizes)
    for (Index cols : kSizes) all.push_back({rows, cols});
  all.push_back({3, 70000});
  all.push_back({70000, 2});
  all.push_back({1500, 800});  // more elements than a grid has threads
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("CUDA: fill", "", float, double) {
  if (!gpu_available()) return;
  for (auto [rows, cols] : matrix_shapes())
    for (Index gap : {0, 5}) {
      INFO(rows << " x " << cols << ", gap " << gap);
      DeviceMatrix<TestType> a(rows, cols, gap);
      fill(Cuda{}, a.view(), TestType(0.1));
      CHECK(a.get() == Matrix<TestType>(rows, cols, TestType(0.1)));
    }
}

TEMPLATE_TEST_CASE("CUDA: clear_columns sets the columns of some sequences to zero, at every step", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(3);
  for (const MatrixShape& shape : {MatrixShape{1, 6}, {5, 6}, {300, 42}, {0, 6}})
    for (Index gap : {0, 5}) {
      INFO(shape.rows << " x " << shape.cols << ", gap " << gap);
      const std::vector<std::uint8_t> which{0, 1, 0, 1, 255, 0};
      Matrix<TestType> wanted = random_matrix<TestType>(shape.rows, shape.cols, rng);
      DeviceMatrix<TestType> a(wanted, gap);
      clear_columns(Cuda{}, which, a.view());
      for (Index j = 0; j < shape.cols; ++j)
        for (Index i = 0; i < shape.rows; ++i)
          if (which[static_cast<std::size_t>(j % 6)] != 0) wanted(i, j) = 0;
      CHECK(a.get() == wanted);
      Matrix<TestType> on_cpu = random_matrix<TestType>(shape.rows, shape.cols, rng), expected = on_cpu;
      clear_columns(Cpu{}, which, on_cpu.view());
      for (Index j = 0; j < shape.cols; ++j)
        for (Index i = 0; i < shape.rows; ++i)
          if (which[static_cast<std::size_t>(j % 6)] != 0) expected(i, j) = 0;
      CHECK(on_cpu == expected);
    }
}

TEMPLATE_TEST_CASE("CUDA: add_where adds to the elements that are marked, as on the CPU", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(3);
  for (auto [rows, cols] : matrix_shapes())
    for (Index gap : {0, 5}) {
      INFO(rows << " x " << cols << ", gap " << gap);
      std::vector<std::uint8_t> which;
      for (Index n = 0; n < rows * cols; ++n) which.push_back(static_cast<std::uint8_t>(rng.below(3)));
      Matrix<TestType> wanted = random_matrix<TestType>(rows, cols, rng), on_cpu = wanted;
      DeviceMatrix<TestType> a(wanted, gap);
      for (Index j = 0; j < cols; ++j)
        for (Index i = 0; i < rows; ++i)
          if (which[static_cast<std::size_t>(i + rows * j)] != 0) wanted(i, j) += TestType(-30);
      add_where(Cuda{}, which, TestType(-30), a.view());
      CHECK(a.get() == wanted);
      add_where(Cpu{}, which, TestType(-30), on_cpu.view());
      CHECK(on_cpu == wanted);
    }
}

TEMPLATE_TEST_CASE("CUDA: set_columns copies the bias to every column", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(1);
  for (auto [rows, cols] : matrix_shapes())
    for (Index gap : {0, 5}) {
      INFO(rows << " x " << cols << ", gap " << gap);
      const auto bias = random_matrix<TestType>(rows, 1, rng);
      DeviceMatrix<TestType> a(rows, cols, gap), b(bias);
      set_columns(Cuda{}, a.view(), b.view());
      Matrix<TestType> wanted(rows, cols);
      for (Index j = 0; j < cols; ++j)
        for (Index i = 0; i < rows; ++i) wanted(i, j) = bias(i, 0);
      CHECK(a.get() == wanted);
      CHECK(b.get() == bias);
    }
}

TEMPLATE_TEST_CASE("CUDA: add_columns accumulates the sum of all columns", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(2);
  for (auto [rows, cols] : matrix_shapes())
    for (Index gap : {0, 5}) {
      INFO(rows << " x " << cols << ", gap " << gap);
      const auto a = random_matrix<TestType>(rows, cols, rng), before = random_matrix<TestType>(rows, 1, rng);
      DeviceMatrix<TestType> on_device(a, gap), sum(before);
      add_columns(Cuda{}, on_device.view(), sum.view());
      CHECK(on_device.get() == a);
      const auto after = sum.get();
      Index wrong = 0;
      for (Index i = 0; i < rows; ++i) {
        long double exact = before(i, 0), magnitudes = std::abs(exact);
        for (Index j = 0; j < cols; ++j) exact += a(i, j), magnitudes += std::abs(a(i, j));
        // Number of additions per term: a thread's share of a part, eight phases, up to 128 parts, and the old sum.
        const auto additions = static_cast<long double>(16 + cols / 1024 + 8 + 128 + 1);
        const auto bound = additions * std::numeric_limits<TestType>::epsilon() * magnitudes;
        wrong += !(std::abs(after(i, 0) - exact) <= bound);
      }
      CHECK(wrong == 0);
    }
}
