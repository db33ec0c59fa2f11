// SPDX-License-Identifier: MIT
// Copies between host and device of matrices, sequences and models.
#include <string>

#include "cuda/device_matrix.hpp"

using namespace rondo;
using namespace rondo_test;

TEMPLATE_TEST_CASE("CUDA: matrices are copied to, within and from the device, with gaps between columns", "", float,
                   double) {
  if (!gpu_available()) return;
  Rng rng(1);
  for (Index rows : kSizes)
    for (Index cols : {0, 1, 7})
      for (Index gap : {0, 3}) {
        INFO(rows << " x " << cols << ", gap " << gap);
        const auto wide = random_matrix<TestType>(rows + 5, cols, rng);
        const auto part = wide.view().row_block(2, rows);
        DeviceMatrix<TestType> a(rows, cols, gap), b(rows, cols, 3 - gap);
        upload(Cuda{}, part, a.view());
        copy(Cuda{}, a.view(), b.view());
        Matrix<TestType> wanted(rows, cols), back(rows + 1, cols, 7);
        upload(Cpu{}, part, wanted.view());
        CHECK(a.get() == wanted);
        CHECK(b.get() == wanted);
        download(Cuda{}, b.view(), back.view().row_block(0, rows));
        for (Index j = 0; j < cols; ++j) {
          CHECK(back(rows, j) == 7);
          for (Index i = 0; i < rows; ++i) REQUIRE(back(i, j) == wanted(i, j));
        }
      }
}

TEST_CASE("CUDA: the source of an upload may change immediately, and copies of buffers are deep") {
  if (!gpu_available()) return;
  Matrix<float> host(50000, 1, 3);
  DeviceMatrix<float> a(host.rows, 1);
  upload(Cuda{}, host.view(), a.view());
  std::fill(host.values.begin(), host.values.end(), 4.0f);
  CHECK(a.get() == Matrix<float>(50000, 1, 3));

  Buffer<float, Cuda> first(100);
  fill(Cuda{}, MatrixView<float>{first.data(), 100, 1, 100}, 1);
  const Buffer<float, Cuda> second = first;
  fill(Cuda{}, MatrixView<float>{first.data(), 100, 1, 100}, 2);
  Matrix<float> back(100, 1);
  download(Cuda{}, MatrixView<const float>{second.data(), 100, 1, 100}, back.view());
  CHECK(back == Matrix<float>(100, 1, 1));
}

TEST_CASE("CUDA: an error has the failed call, its file and its line") {
  if (!gpu_available()) return;
  std::string message;
  try {
    Buffer<float, Cuda> large(Index{1} << 50);
  } catch (const cuda::error& e) {
    message = e.what();
  }
  INFO(message);
  CHECK(message.find("cudaMalloc: cudaErrorMemoryAllocation") == 0);
  const auto place = message.find("context.cpp:");
  REQUIRE(place != std::string::npos);
  CHECK(std::stoi(message.substr(place + 12)) > 0);
  Buffer<float, Cuda> small(10);  // the error is not sticky
  fill(Cuda{}, MatrixView<float>{small.data(), 10, 1, 10}, 1);
  cuda::Context::current().synchronize();
}

TEMPLATE_TEST_CASE("CUDA: copies of a sequence keep its lengths", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(2);
  Sequence<TestType> x(5, 3, 4);
  initialise_normal(x.flat(), 1, rng);
  x.set_lengths(std::vector<Index>{4, 0, 2});
  const Sequence<TestType, Cuda> on_device = to<Cuda>(x);
  CHECK(std::ranges::equal(on_device.lengths(), x.lengths()));
  const Sequence<TestType> back = to<Cpu>(on_device);
  CHECK(std::ranges::equal(back.lengths(), x.lengths()));
  CHECK(std::equal(back.data(), back.data() + back.size(), x.data(), x.data() + x.size()));
}
