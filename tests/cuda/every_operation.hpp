// SPDX-License-Identifier: MIT
// Runs every operation whose result could depend on the order of threads once, and collects all results.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <rondo/layers/losses.hpp>
#include <rondo/layers/pooling.hpp>
#include <rondo/layers/regression_losses.hpp>

#include "cuda/device_matrix.hpp"
#include "support/fill.hpp"

namespace rondo_test {

class Results {
 public:
  template <class T>
  void keep(std::span<const T> values) {
    const auto bytes = std::as_bytes(values);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  template <class Scalar>
  void keep(DeviceMatrix<Scalar>& a) {
    keep(std::span<const Scalar>(a.get().values));
  }
  template <class Scalar>
  void keep(const rondo::Sequence<Scalar, Cuda>& a) {
    const rondo::Sequence<Scalar> host = rondo::to<Cpu>(a);
    keep(std::span<const Scalar>(host.data(), static_cast<std::size_t>(host.size())));
  }
  void keep(double value) { keep(std::span<const double>(&value, 1)); }

  std::size_t size() const { return bytes_.size(); }
  friend bool operator==(const Results&, const Results&) = default;

 private:
  std::vector<std::byte> bytes_;
};

/// Matrices of `rows` rows and several hundred columns, with seed 1.
template <class Scalar>
Results run_every_operation(Index rows) {
  using namespace rondo;
  constexpr Index B = 7, T = 43, columns = B * T;
  Rng rng(1);
  Results results;
  const auto a = random_matrix<Scalar>(rows, columns, rng);
  std::vector<std::int32_t> tokens;
  for (Index j = 0; j < columns; ++j)
    tokens.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(rows))));

  DeviceMatrix<Scalar> on_device(a, 1), sum(Matrix<Scalar>(rows, 1, 1)), dE(Matrix<Scalar>(3, rows, 1)),
      dy(random_matrix<Scalar>(3, columns, rng));
  add_columns(Cuda{}, on_device.view(), sum.view());
  results.keep(sum);
  clear_columns(Cuda{}, std::vector<std::uint8_t>{0, 1, 0, 0, 1, 1, 0}, on_device.view());
  results.keep(on_device);
  embedding_backward(Cuda{}, tokens, dy.view(), dE.view());
  results.keep(dE);
  results.keep(squared_norm(Cuda{}, on_device.view()));

  DeviceMatrix<Scalar> mask(rows, columns), dropped(rows, columns);
  dropout_forward<Scalar>(Cuda{}, 0.4, rng, on_device.view(), mask.view(), dropped.view());
  results.keep(dropped);

  const auto logits = to<Cuda>(random_sequence<Scalar>(rows, B, T, rng)),
             targets = to<Cuda>(random_sequence<Scalar>(rows, B, T, rng));
  Sequence<Scalar, Cuda> d;
  results.keep(softmax_cross_entropy(logits, tokens, &d).sum);
  results.keep(d);
  results.keep(bernoulli_cross_entropy(logits, targets, &d).sum);
  results.keep(d);
  results.keep(mean_squared_error(logits, targets, &d).sum);
  results.keep(d);
  Sequence<Scalar, Cuda> pooled;
  mean_over_time(logits, pooled);
  results.keep(pooled);
  last_step_backward(logits, pooled, d);
  results.keep(d);
  return results;
}

}  // namespace rondo_test
