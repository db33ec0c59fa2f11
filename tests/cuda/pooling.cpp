// SPDX-License-Identifier: MIT
// Pooling over time on the device is bit-identical to the CPU's, element by element.
#include <vector>

#include <rondo/cpu/eigen.hpp>
#include <rondo/cuda.hpp>
#include <rondo/layers/pooling.hpp>

#include "cuda/device_matrix.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

template <class Scalar>
Matrix<Scalar> copy_of(const Sequence<Scalar>& x) {
  Matrix<Scalar> m(x.features(), x.batch() * x.time());
  std::copy_n(x.data(), x.size(), m.values.data());
  return m;
}

}  // namespace

TEMPLATE_TEST_CASE("CUDA: last step and mean over time, forward and backward, equal the CPU's", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(1);
  const Index B = 3, T = 7;
  for (Index P : {1, 2, 33, 300})
    for (const std::vector<Index>& lengths : {std::vector<Index>{}, {7, 3, 1}, {0, 7, 4}})
      for (Index reverse_rows : {Index{0}, P / 2, P}) {
        INFO("P " << P << ", " << lengths.size() << " lengths, reverse rows " << reverse_rows);
        auto y = random_sequence<TestType>(P, B, T, rng);
        y.set_lengths(lengths);
        const auto y_device = to<Cuda>(y);
        const auto d_out = random_sequence<TestType>(P, B, 1, rng);
        const auto d_out_device = to<Cuda>(d_out);
        Sequence<TestType> out, dy;
        Sequence<TestType, Cuda> dy_device;
        DeviceMatrix<TestType> out_device(P, B, 2), mean_device(P, B);

        last_step(y, out, reverse_rows);
        last_step(y_device, out_device.view(), reverse_rows);
        CHECK(out_device.get() == copy_of(out));
        last_step_backward(y, d_out, dy, reverse_rows);
        last_step_backward(y_device, d_out_device, dy_device, reverse_rows);
        CHECK(copy_of(to<Cpu>(dy_device)) == copy_of(dy));
        CHECK(dy_device.ragged() == dy.ragged());
        CHECK(matrix(dy.flat()).norm() > 0);

        mean_over_time(y, out);
        mean_over_time(y_device, mean_device.view());
        CHECK(mean_device.get() == copy_of(out));
        mean_over_time_backward(y, d_out, dy);
        mean_over_time_backward(y_device, d_out_device, dy_device);
        CHECK(copy_of(to<Cpu>(dy_device)) == copy_of(dy));
      }
}

TEST_CASE("CUDA: pooling with T = 0 and with B = 0") {
  if (!gpu_available()) return;
  Sequence<float, Cuda> no_steps(2, 3, 0), no_sequences(2, 0, 3), out, dy;
  last_step(no_steps, out);
  const auto zeros = to<Cpu>(out);
  CHECK(matrix(zeros.flat()) == Eigen::MatrixXf::Zero(2, 3));
  mean_over_time_backward(no_steps, out, dy);
  mean_over_time(no_sequences, out);
  last_step_backward(no_sequences, out, dy);
  CHECK(dy.time() == 3);
}

TEST_CASE("CUDA: a sequence on the device is constructed from host values, and filled") {
  if (!gpu_available()) return;
  const std::vector<float> values = {1, 2, 3, 4, 5, 6, 7, 8};
  Sequence<float, Cuda> x(2, 1, 4, values);
  CHECK(to<Cpu>(x)(1, 0, 3) == 8);
  CHECK(to<Cpu>(Sequence<float, Cuda>::from_nested({{{1, 2}}, {{3, 4}}}))(0, 0, 1) == 3);
  x.fill(3);
  CHECK(to<Cpu>(x)(1, 0, 2) == 3);
  x.set_zero();
  CHECK(to<Cpu>(x)(0, 0, 0) == 0);
}
