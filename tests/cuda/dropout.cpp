// SPDX-License-Identifier: MIT
// Dropout uses the generator's numbers in column-major order: results are bit-identical to the CPU's.
#include <rondo/layers/dropout.hpp>

#include "cuda/device_matrix.hpp"

using namespace rondo;
using namespace rondo_test;

TEMPLATE_TEST_CASE("CUDA: dropout uses the generator's numbers in order, starting anywhere in a block", "", float,
                   double) {
  if (!gpu_available()) return;
  Rng data(1);
  for (Index rows : kSizes)
    for (Index cols : {0, 1, 5})
      for (Index gap : {0, 3})
        for (std::uint64_t drawn : {0ull, 1ull, 6ull, 0x3FFFFFFFBull}) {  // the last one crosses block 2^32
          INFO(rows << " x " << cols << ", gap " << gap << ", after " << drawn << " numbers");
          const auto x = random_matrix<TestType>(rows, cols, data);
          DeviceMatrix<TestType> on_device(x, gap), mask(rows, cols, gap), y(rows, cols, 0);
          Rng rng({0x123456789ABCDEFull, 0xFEDCBA9876543210ull, drawn}), same(rng.state());
          dropout_forward<TestType>(Cuda{}, 0.3, rng, on_device.view(), mask.view(), y.view());
          Matrix<TestType> wanted_mask(rows, cols), wanted(rows, cols);
          Index dropped = 0;
          for (Index j = 0; j < cols; ++j)
            for (Index i = 0; i < rows; ++i) {
              const bool drop = same() < static_cast<std::uint32_t>(0.3 * 0x1p32);
              dropped += drop;
              wanted_mask(i, j) = drop ? TestType(0) : static_cast<TestType>(1 / 0.7);
              wanted(i, j) = x(i, j) * wanted_mask(i, j);
            }
          if (rows * cols > 100) CHECK((dropped > 0 && dropped < rows * cols));
          CHECK(mask.get() == wanted_mask);
          CHECK(y.get() == wanted);
          CHECK(on_device.get() == x);
          CHECK(rng.state().drawn == same.state().drawn);
          CHECK(rng() == same());
        }
}

TEST_CASE("CUDA: dropout of more elements than the grid has threads equals the CPU's") {
  if (!gpu_available()) return;
  constexpr Index count = (Index{1} << 22) + 1000;
  const Matrix<float> x(count, 1, 1);
  Matrix<float> wanted(count, 1), wanted_mask(count, 1);
  DeviceMatrix<float> on_device(x), mask(count, 1), y(count, 1);
  Rng rng(7), same(7);
  dropout_forward<float>(Cuda{}, 0.5, rng, on_device.view(), mask.view(), y.view());
  dropout_forward<float>(Cpu{}, 0.5, same, x.view(), wanted_mask.view(), wanted.view());
  CHECK(mask.get() == wanted_mask);
  CHECK(y.get() == wanted);
}

TEMPLATE_TEST_CASE("CUDA: backward of dropout multiplies by the mask", "", float, double) {
  if (!gpu_available()) return;
  Rng data(2);
  for (Index rows : kSizes)
    for (Index gap : {0, 3}) {
      INFO(rows << " x 5, gap " << gap);
      const auto mask = random_matrix<TestType>(rows, 5, data);
      auto d = random_matrix<TestType>(rows, 5, data);
      DeviceMatrix<TestType> factor(mask), gradient(d, gap);
      dropout_backward<TestType>(Cuda{}, factor.view(), gradient.view());
      for (std::size_t n = 0; n < d.values.size(); ++n) d.values[n] *= mask.values[n];
      CHECK(gradient.get() == d);
    }
}
