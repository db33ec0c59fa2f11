// SPDX-License-Identifier: MIT
// Layers upon layers against the CPU in double; and, where asked for by its tag, every size by every other one: minutes
// on a GPU, hours without.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <rondo/layers/lstm.hpp>

#include "cuda/lstm_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// What a forward and a backward pass leave, in the order in which they are added.
struct Outcome {
  std::vector<std::string> names;
  std::vector<std::vector<double>> values;

  template <class Scalar, class Device>
  void add(Device, const std::string& name, MatrixView<const Scalar> on_device) {
    look_on_host(Device{}, on_device, [&](auto host) {
      names.push_back(name);
      values.emplace_back(host.data, host.data + host.rows * host.cols);
    });
  }
};

struct Inputs {
  Sequence<double> x, dy;
  LstmState<double> state, d_state;
};

/// With whatever is no number in its padding.
template <class Scalar, class Device>
Sequence<Scalar, Device> sent(const Sequence<double>& from) {
  Sequence<Scalar> converted;
  converted.resize_like(from, from.features());
  for (Index t = 0; t < from.time(); ++t)
    for (Index b = 0; b < from.batch(); ++b)
      for (Index i = 0; i < from.features(); ++i)
        converted(i, b, t) = from.active(b, t) ? static_cast<Scalar>(from(i, b, t)) : static_cast<Scalar>(NAN);
  return to<Device>(converted);
}

template <class Scalar, class Device>
Outcome run(Lstm<Scalar, Device>& lstm, const Inputs& in) {
  const auto x = sent<Scalar, Device>(in.x), dy = sent<Scalar, Device>(in.dy);
  LstmState<Scalar, Device> state{sent<Scalar, Device>(in.state.h), sent<Scalar, Device>(in.state.c)};
  LstmState<Scalar, Device> d_state{sent<Scalar, Device>(in.d_state.h), sent<Scalar, Device>(in.d_state.c)};
  zero_grad(lstm);
  typename Lstm<Scalar, Device>::Cache cache;
  Sequence<Scalar, Device> dx;
  Outcome out;
  const Device device;
  out.add<Scalar>(device, "y", lstm.forward(x, state, cache).flat());
  lstm.backward(x, dy, cache, d_state, &dx);
  out.add<Scalar>(device, "h", std::as_const(state.h).flat());
  out.add<Scalar>(device, "c", std::as_const(state.c).flat());
  out.add<Scalar>(device, "dx", std::as_const(dx).flat());
  out.add<Scalar>(device, "dh", std::as_const(d_state.h).flat());
  out.add<Scalar>(device, "dc", std::as_const(d_state.c).flat());
  lstm.for_each_parameter([&](const Path& path, auto& p) {
    out.add<Scalar>(device, std::string(path.text()), MatrixView<const Scalar>(p.grad()));
  });
  return out;
}

/// Every walk on L layers against the CPU in double.
void check(Index H, Index B, Index T, Index L, bool ragged) {
  const Index C = 5;
  Rng rng(static_cast<std::uint64_t>(H + 1000 * B + 100000 * T));
  Lstm<double> exact({.input = C, .hidden = H, .layers = L}, rng);
  const auto random = [&](Index features, Index time) {
    Sequence<double> s(features, B, time);
    initialise_normal(s.flat(), 0.5, rng);
    return s;
  };
  Inputs in{random(C, T), random(H, T), {random(H, L), random(H, L)}, {random(H, L), random(H, L)}};
  if (ragged) in.x.set_lengths(unsorted_lengths(B, T)), in.dy.set_lengths(unsorted_lengths(B, T));
  const Outcome wanted = run(exact, in);
  Lstm<float, Cuda> lstm({.input = C, .hidden = H, .layers = L}, rng);
  copy_weights(exact, lstm);
  const double bound = static_cast<double>(L) * tolerance({std::max(C, H), H, B, T});
  for (LstmWalk walk : kWalks) {
    const WalkGuard guard(walk);
    const Outcome got = run(lstm, in);
    REQUIRE(got.names == wanted.names);
    for (std::size_t n = 0; n < got.names.size(); ++n) {
      double worst = 0;
      for (std::size_t i = 0; i < got.values[n].size(); ++i) {
        const double error = std::abs(got.values[n][i] - wanted.values[n][i]);
        worst = std::isnan(error) || std::isnan(worst) ? NAN : std::max(worst, error);
      }
      INFO(cuda::name(walk) << ", ran " << cuda::name(cuda::Context::current().last_walk()) << ": H " << H << ", B "
                            << B << ", T " << T << ", L " << L << (ragged ? ", ragged" : "") << ": " << got.names[n]
                            << " is off by " << worst);
      CHECK(worst <= bound * std::max(1.0, largest(wanted.values[n])));
    }
  }
}

}  // namespace

TEST_CASE("LSTM on CUDA: three layers against the CPU in double") {
  if (!gpu_is_here()) return;
  for (bool ragged : {false, true}) {
    check(31, 3, 2, 3, ragged);
    check(33, 1, 17, 3, ragged);
    check(12, 16, 5, 3, ragged);
  }
}

TEST_CASE("LSTM on CUDA: every size by every other", "[.full]") {
  if (!gpu_is_here()) return;
  for (Index H : {1, 31, 33, 100, 128, 257, 512})
    for (Index B : {1, 3, 16, 65})
      for (Index T : {1, 2, 17, 300})
        for (Index L : {1, 3})
          for (bool ragged : {false, true})
            if (L * T * B * H * H < Index{3} << 30) check(H, B, T, L, ragged);
}
