// SPDX-License-Identifier: MIT
// Several layers against the CPU in double; and, with the tag [.full], all combinations of sizes: minutes on a GPU,
// hours without.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <rondo/layers/embedding.hpp>
#include <rondo/layers/gru.hpp>
#include <rondo/layers/inference.hpp>
#include <rondo/layers/lstm.hpp>

#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// The results of a forward and a backward pass, in the order in which they are added.
struct Outcome {
  std::vector<std::string> names;
  std::vector<std::vector<double>> values;

  template <class Scalar, class Device>
  void add(Device, const std::string& name, MatrixView<const Scalar> on_device) {
    with_host_copy(Device{}, on_device, [&](auto host) {
      names.push_back(name);
      values.emplace_back(host.data, host.data + host.rows * host.cols);
    });
  }
};

struct Inputs {
  Sequence<double> x, dy;
  LstmState<double> state, d_state;
};

/// NaN in the padding.
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

template <class Cell, class Scalar, class Device>
Outcome run(Recurrent<Cell, Scalar, Device>& network, const Inputs& in) {
  using Network = Recurrent<Cell, Scalar, Device>;
  const auto x = sent<Scalar, Device>(in.x), dy = sent<Scalar, Device>(in.dy);
  typename Network::State state{sent<Scalar, Device>(in.state.h), sent<Scalar, Device>(in.state.c)};
  typename Network::State d_state{sent<Scalar, Device>(in.d_state.h), sent<Scalar, Device>(in.d_state.c)};
  zero_grad(network);
  typename Network::Cache cache;
  Sequence<Scalar, Device> dx;
  Outcome out;
  const Device device;
  out.add<Scalar>(device, "y", network.forward(x, state, cache, Inference{}).flat());
  network.backward(x, dy, cache, d_state, &dx);
  out.add<Scalar>(device, "h", std::as_const(state.h).flat());
  out.add<Scalar>(device, "c", std::as_const(state.c).flat());
  out.add<Scalar>(device, "dx", std::as_const(dx).flat());
  out.add<Scalar>(device, "dh", std::as_const(d_state.h).flat());
  out.add<Scalar>(device, "dc", std::as_const(d_state.c).flat());
  network.for_each_parameter([&](const Path& path, auto& p) {
    out.add<Scalar>(device, std::string(path.text()), MatrixView<const Scalar>(p.grad()));
  });

  InferenceRecurrent<Cell, Scalar, Device> inference(network);
  typename InferenceRecurrent<Cell, Scalar, Device>::Workspace work;
  state = {sent<Scalar, Device>(in.state.h), sent<Scalar, Device>(in.state.c)};
  out.add<Scalar>(device, "y of inference", inference.forward(x, state, work).flat());
  out.add<Scalar>(device, "h of inference", std::as_const(state.h).flat());
  return out;
}

struct NetworkShape {
  Index H, B, T, L;
  bool ragged = false, bidirectional = false;
  Index projection = 0;
};

/// Every algorithm with L layers against the CPU in double.
template <class Cell>
void check(const NetworkShape& s) {
  const Index C = 5, D = s.bidirectional ? 2 : 1;
  Rng rng(static_cast<std::uint64_t>(s.H + 1000 * s.B + 100000 * s.T));
  const RecurrentConfig config{
      .input = C, .hidden = s.H, .layers = s.L, .bidirectional = s.bidirectional, .projection = s.projection};
  Recurrent<Cell, double> exact(config, rng);
  const auto random = [&](Index features, Index time) {
    Sequence<double> sequence(features, s.B, time);
    initialise_normal(sequence.flat(), 0.5, rng);
    return sequence;
  };
  const Index P = config.output(), states = s.L * D, c = Cell::kHasC ? s.H : 0;
  Inputs in{random(C, s.T),
            random(D * P, s.T),
            {random(P, states), random(c, states)},
            {random(P, states), random(c, states)}};
  if (s.ragged) in.x.set_lengths(unsorted_lengths(s.B, s.T)), in.dy.set_lengths(unsorted_lengths(s.B, s.T));
  const Outcome wanted = run(exact, in);
  Recurrent<Cell, float, Cuda> network(config, rng);
  copy_weights(exact, network);
  const double bound = static_cast<double>(s.L) * tolerance({std::max(C, D * s.H), s.H, s.B, s.T});
  for (RecurrentAlgorithm algorithm : kAlgorithms) {
    const AlgorithmGuard guard(algorithm);
    const Outcome got = run(network, in);
    REQUIRE(got.names == wanted.names);
    for (std::size_t n = 0; n < got.names.size(); ++n) {
      double worst = 0;
      for (std::size_t i = 0; i < got.values[n].size(); ++i) {
        const double error = std::abs(got.values[n][i] - wanted.values[n][i]);
        worst = std::isnan(error) || std::isnan(worst) ? NAN : std::max(worst, error);
      }
      INFO(cuda::name(algorithm) << ", ran " << cuda::name(cuda::Context::current().last_algorithm()) << ": "
                                 << Cell::kName << ", H " << s.H << ", B " << s.B << ", T " << s.T << ", L " << s.L
                                 << (s.ragged ? ", ragged" : "") << (s.bidirectional ? ", bidirectional" : "")
                                 << ", projection " << s.projection << ": " << got.names[n] << " has error " << worst);
      CHECK(worst <= bound * std::max(1.0, largest(wanted.values[n])));
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("Recurrent network on CUDA: three layers against the CPU in double", "", LstmCell, GruCell) {
  if (!gpu_available()) return;
  for (bool ragged : {false, true}) {
    check<TestType>({31, 3, 2, 3, ragged});
    check<TestType>({33, 1, 17, 3, ragged});
    check<TestType>({12, 16, 5, 3, ragged});
  }
}

void rondo_test::check_bidirectional() {
  for (bool ragged : {false, true}) {
    check<LstmCell>({12, 6, 5, 1, ragged, true});
    check<LstmCell>({9, 3, 4, 3, ragged, true});
    check<LstmCell>({10, 4, 6, 2, ragged, true, 4});
    check<GruCell>({10, 4, 5, 2, ragged, true});
    check<CoupledPeepholeLstmCell>({10, 4, 5, 2, ragged, true, 3});
  }
}

TEST_CASE("Recurrent network on CUDA: bidirectional layers against the CPU in double") {
  if (gpu_available()) check_bidirectional();
}

TEST_CASE("Recurrent network on CUDA: both directions accumulate into the gradient of the embedding") {
  if (!gpu_available()) return;
  constexpr Index B = 5, T = 6, V = 7, D = 4, H = 8;
  const auto run = [&]<class Device>(Device device) {
    Rng rng(3);
    Lstm<double, Device> lstm({.input = D, .hidden = H, .bidirectional = true}, rng);
    Embedding<double, Device> embedding(V, D, rng);
    std::vector<std::int32_t> tokens;
    for (Index n = 0; n < B * T; ++n) tokens.push_back(static_cast<std::int32_t>(rng.below(V)));
    Sequence<double> dy(2 * H, B, T);
    initialise_normal(dy.flat(), 1, rng);
    zero_grad(embedding);
    auto state = lstm.zero_state(B), d_state = lstm.zero_state(B);
    typename Lstm<double, Device>::Cache cache;
    lstm.forward(embedding.input(tokens, B, T), state, cache, Inference{});
    lstm.backward(embedding.input(tokens, B, T), to<Device>(dy), cache, d_state, embedding.E().grad());
    Outcome out;
    out.add<double>(device, "dE", MatrixView<const double>(embedding.E().grad()));
    return out.values[0];
  };
  const auto wanted = run(Cpu{}), got = run(Cuda{});
  CHECK(largest(wanted) > 0.1);
  for (std::size_t n = 0; n < wanted.size(); ++n) CHECK(std::abs(got[n] - wanted[n]) < 1e-13 * largest(wanted));
}

TEMPLATE_TEST_CASE("Recurrent network on CUDA: a streaming step equals a forward pass over one step", "", LstmCell,
                   GruCell) {
  if (!gpu_available()) return;
  constexpr Index C = 5, H = 12, B = 3;
  Rng rng(1);
  Recurrent<TestType, float, Cuda> network({.input = C, .hidden = H, .layers = 2}, rng);
  const auto random = [&](Index features, Index time) {
    Sequence<float> s(features, B, time);
    initialise_normal(s.flat(), 1, rng);
    return to<Cuda>(s);
  };
  const auto x = random(C, 1);
  RecurrentState<float, Cuda> state{random(H, 2), random(TestType::kHasC ? H : 0, 2)}, same = state;
  typename Recurrent<TestType, float, Cuda>::Cache cache;
  typename Recurrent<TestType, float, Cuda>::Scratch scratch;
  Outcome out;
  for (int n = 0; n < 3; ++n) {
    out.add<float>(Cuda{}, "y", network.forward(x, state, cache, Inference{}).flat());
    out.add<float>(Cuda{}, "step", network.step(x.at(0), same, scratch));
    CHECK(out.values[out.values.size() - 1] == out.values[out.values.size() - 2]);
  }
  CHECK(largest(out.values.back()) > 0.01);
  out.add<float>(Cuda{}, "c", std::as_const(state.c).flat());
  out.add<float>(Cuda{}, "c", std::as_const(same.c).flat());
  CHECK(out.values[out.values.size() - 1] == out.values[out.values.size() - 2]);
}

TEST_CASE("Recurrent network on CUDA: inference in ranges of steps has the results of one range") {
  if (!gpu_available()) return;
  constexpr Index B = 1 << 14, T = 70;  // input products of 1 MB per step: 64 steps, then six
  const AlgorithmGuard guard(RecurrentAlgorithm::stepwise);
  Rng rng(1);
  const Lstm<float, Cuda> lstm({.input = 2, .hidden = 4, .bidirectional = true}, rng);
  Sequence<float> host(2, B, T);
  initialise_normal(host.flat(), 1, rng);
  std::vector<Index> lengths;
  for (Index b = 0; b < B; ++b) lengths.push_back(T - b % (T + 1));
  host.set_lengths(lengths);
  const auto x = to<Cuda>(host);
  Sequence<float> state_host(4, B, 2);
  initialise_normal(state_host.flat(), 1, rng);
  Lstm<float, Cuda>::State whole{to<Cuda>(state_host), to<Cuda>(state_host)}, parts = whole;
  Lstm<float, Cuda>::Cache cache;
  const InferenceRecurrent<LstmCell, float, Cuda> inference(lstm);
  InferenceRecurrent<LstmCell, float, Cuda>::Workspace work;
  const Sequence<float> y = to<Cpu>(lstm.forward(x, whole, cache, Inference{}));
  const Sequence<float> got = to<Cpu>(inference.forward(x, parts, work));
  CHECK(std::equal(y.data(), y.data() + y.size(), got.data()));
  for (const auto& [one, other] : {std::pair{&whole.h, &parts.h}, {&whole.c, &parts.c}}) {
    const Sequence<float> a = to<Cpu>(*one), b = to<Cpu>(*other);
    CHECK(std::equal(a.data(), a.data() + a.size(), b.data()));
  }
}

TEST_CASE("Recurrent network on CUDA: a network reports its algorithm") {
  if (!gpu_available()) return;
  Rng rng(1);
  const auto path = [&](auto network, RecurrentAlgorithm algorithm) {
    const AlgorithmGuard guard(algorithm);
    return std::string(network.path());
  };
  const RecurrentConfig config{.input = 3, .hidden = 40};
  const bool clusters = cuda::Context::current().device().major >= 9;
  for (RecurrentAlgorithm algorithm : kAlgorithms)
    if (clusters ||
        (algorithm != RecurrentAlgorithm::cluster_persistent && algorithm != RecurrentAlgorithm::dataflow_persistent))
      CHECK(path(Lstm<float, Cuda>(config, rng), algorithm) == cuda::name(algorithm));
  cuda::clear_algorithm_records();
  CHECK(path(Lstm<float, Cuda>(config, rng), RecurrentAlgorithm::automatic) == "automatic");  // not chosen yet
  CHECK(path(Gru<float, Cuda>(config, rng), RecurrentAlgorithm::automatic) == "automatic");
  CHECK(path(Lstm<double, Cuda>(config, rng), RecurrentAlgorithm::cluster_persistent) == "graph");
  CHECK(path(Gru<float, Cuda>(config, rng), RecurrentAlgorithm::cluster_persistent) == "graph");
  CHECK(path(Gru<float, Cuda>(config, rng), RecurrentAlgorithm::dataflow_persistent) ==
        (clusters ? "dataflow_persistent" : "graph"));
  CHECK(path(Gru<double, Cuda>(config, rng), RecurrentAlgorithm::dataflow_persistent) == "graph");
  CHECK(path(Gru<float, Cuda>(config, rng), RecurrentAlgorithm::stepwise) == "stepwise");
}

TEST_CASE("Recurrent network on CUDA: the mask of weight dropout applies to R and its gradient, as on the CPU") {
  if (!gpu_available()) return;
  constexpr Index B = 3, T = 5, C = 4, H = 8;
  const auto run = [&]<class Device>(Device device) {
    Rng rng(3), masks(5);
    Lstm<double, Device> lstm({.input = C, .hidden = H, .weight_dropout = 0.4}, rng);
    Sequence<double> x(C, B, T), dy(H, B, T);
    for (auto* s : {&x, &dy}) initialise_normal(s->flat(), 1, rng);
    auto state = lstm.zero_state(B), d_state = lstm.zero_state(B);
    typename Lstm<double, Device>::Cache cache;
    zero_grad(lstm);
    const auto x_there = to<Device>(x);
    lstm.forward(x_there, state, cache, Training{masks});
    lstm.backward(x_there, to<Device>(dy), cache, d_state);
    Outcome out;
    out.add<double>(device, "dR", MatrixView<const double>(lstm.layer(0).R().grad()));
    return out.values[0];
  };
  const auto wanted = run(Cpu{}), got = run(Cuda{});
  CHECK(std::count(wanted.begin(), wanted.end(), 0) > H * H / 2);
  CHECK(largest(wanted) > 0.01);
  for (std::size_t n = 0; n < wanted.size(); ++n) CHECK(std::abs(got[n] - wanted[n]) < 1e-13);
}

TEST_CASE("Recurrent network on CUDA: options without a CUDA implementation are an error") {
  if (!gpu_available()) return;
  const auto error_for = [](const RecurrentConfig& config) {
    Rng rng(1);
    Lstm<float, Cuda> lstm(config, rng);
    auto state = lstm.zero_state(2);
    Lstm<float, Cuda>::Cache cache;
    try {
      lstm.forward(to<Cuda>(Sequence<float>(3, 2, 4)), state, cache, Training{rng});
    } catch (const cuda::error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(error_for({.input = 3, .hidden = 4}).empty());
  CHECK(error_for({.input = 3, .hidden = 4, .layer_norm = true}) ==
        "rondo::cuda: layer normalisation is not supported on CUDA");
  CHECK(error_for({.input = 3, .hidden = 4, .zoneout_c = 0.1}) == "rondo::cuda: zoneout is not supported on CUDA");
  CHECK(error_for({.input = 3, .hidden = 4, .recurrent_dropout = 0.1}) ==
        "rondo::cuda: recurrent dropout is not supported on CUDA");
}

TEST_CASE("Recurrent network on CUDA: all combinations of sizes", "[.full]") {
  if (!gpu_available()) return;
  for (Index H : {1, 31, 33, 100, 128, 257, 512})
    for (Index B : {1, 3, 16, 65})
      for (Index T : {1, 2, 17, 300})
        for (Index L : {1, 3})
          for (bool ragged : {false, true})
            for (bool bidirectional : {false, true})
              if (L * T * B * H * H < Index{3} << 30) {
                check<LstmCell>({H, B, T, L, ragged, bidirectional});
                check<GruCell>({H, B, T, L, ragged, bidirectional});
              }
}
