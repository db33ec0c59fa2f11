// SPDX-License-Identifier: MIT
// One LSTM layer on the device, forward and backward, on the cases that the CPU's tests share.
#pragma once

#include <limits>
#include <string>

#include <rondo/cuda.hpp>
#include <rondo/layers/lstm_layer.hpp>

#include "cuda/device_matrix.hpp"
#include "support/lstm_cases.hpp"

namespace rondo_test {

using rondo::Precision;
using rondo::cuda::LstmWalk;

inline constexpr LstmWalk kWalks[] = {LstmWalk::stepwise, LstmWalk::graph, LstmWalk::grid_persistent,
                                      LstmWalk::cluster_persistent};

/// The walk that LSTM passes take, until this ends.
class WalkGuard {
 public:
  explicit WalkGuard(LstmWalk walk) : former_(rondo::cuda::Context::current().lstm_walk()) {
    rondo::cuda::Context::current().set_lstm_walk(walk);
  }
  ~WalkGuard() { rondo::cuda::Context::current().set_lstm_walk(former_); }

 private:
  LstmWalk former_;
};

/// Wavefronts of several layers against layer after layer: wavefront.cpp.
void check_wavefront();

template <class Scalar>
Matrix<Scalar> matrix_of(const rondo::Sequence<float>& s) {
  Matrix<Scalar> m(s.features(), s.batch() * s.time());
  for (Index i = 0; i < s.size(); ++i) m.values[static_cast<std::size_t>(i)] = static_cast<Scalar>(s.data()[i]);
  return m;
}

/// By LstmLayer in the calling thread's context. `cache` may hold anything from calls before; padding is not-a-number;
/// states stand in frames that nobody may write.
template <class Scalar = float>
LstmResults run_on_device(const LstmCase& in, typename rondo::LstmLayer<Scalar, Cuda>::Cache& cache,
                          Precision precision = Precision::fp32, bool with_dx = true) {
  constexpr Scalar kNan = std::numeric_limits<Scalar>::quiet_NaN();
  const auto [C, H, B, T, lengths] = in.shape;
  rondo::Rng rng(0);
  rondo::LstmLayer<Scalar, Cuda> layer(C, H, 0, rng, precision);
  const auto set = [](rondo::Parameter<Scalar, Cuda>& p, const rondo::Sequence<float>& from) {
    const Matrix<Scalar> values = matrix_of<Scalar>(from);
    upload(Cuda{}, values.view(), p.value());
    fill(Cuda{}, p.grad(), Scalar(1));
  };
  set(layer.W(), in.W), set(layer.R(), in.R), set(layer.b(), in.b);
  DeviceMatrix<Scalar> h(matrix_of<Scalar>(in.h0)), c(matrix_of<Scalar>(in.c0), 3);
  DeviceMatrix<Scalar> dh(matrix_of<Scalar>(in.dh_end), 3), dc(matrix_of<Scalar>(in.dc_end));

  const auto x = rondo::to<Cuda>(LstmCase::padded(in.x, kNan)), dy = rondo::to<Cuda>(LstmCase::padded(in.dy, kNan));
  rondo::Sequence<Scalar, Cuda> dx;
  LstmResults out;
  const auto add = [&](const std::string& name, rondo::MatrixView<const Scalar> on_device) {
    rondo::look_on_host(Cuda{}, on_device, [&](auto values) { out.add<Scalar>(name, values); });
  };
  add("y", layer.forward(x, h.view(), c.view(), cache).flat());
  layer.backward(x, dy, cache, dh.view(), dc.view(), with_dx ? &dx : nullptr);
  out.add<Scalar>("h", h.get().view());
  out.add<Scalar>("c", c.get().view());
  add("dW", layer.W().grad());
  add("dR", layer.R().grad());
  add("db", layer.b().grad());
  if (with_dx) add("dx", std::as_const(dx).flat());
  out.add<Scalar>("dh0", dh.get().view());
  out.add<Scalar>("dc0", dc.get().view());
  return out;
}

}  // namespace rondo_test
