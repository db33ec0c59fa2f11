// SPDX-License-Identifier: MIT
// Several layers as a wavefront against the same layers in sequence: dense, ragged and token inputs, with and without
// dropout, in pieces that divide the sequence and in pieces that do not.
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <rondo/layers/embedding.hpp>
#include <rondo/layers/recurrent.hpp>

#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

class WavefrontGuard {
 public:
  explicit WavefrontGuard(Index steps) { cuda::Context::current().set_wavefront(steps); }
  ~WavefrontGuard() { cuda::Context::current().set_wavefront(0); }
};

struct Case {
  RecurrentConfig config;
  Index B, T;
  std::vector<Index> lengths = {};
  bool tokens = false;
};

using Tensors = std::vector<std::pair<std::string, std::vector<double>>>;

/// All results of a forward and a backward pass, by name.
template <class Cell>
Tensors run(const Case& in) {
  using Network = Recurrent<Cell, float, Cuda>;
  Rng rng(7), dropout_rng(11);
  Network network(in.config, rng);
  Embedding<float, Cuda> embedding(13, in.config.input, rng);
  const auto random = [&](Index features, Index time) {
    Sequence<float> s(features, in.B, time);
    initialise_normal(s.flat(), 1, rng);
    return s;
  };
  auto x_host = random(in.config.input, in.T), dy_host = random(in.config.output(), in.T);
  x_host.set_lengths(in.lengths), dy_host.set_lengths(in.lengths);
  for (auto* s : {&x_host, &dy_host})  // padding may have any value
    for (Index t = 0; t < in.T; ++t)
      for (Index b = 0; b < in.B; ++b)
        if (!s->active(b, t)) fill(Cpu{}, s->at(t).columns(b, 1), std::numeric_limits<float>::quiet_NaN());
  const auto x = to<Cuda>(x_host), dy = to<Cuda>(dy_host);
  const Index c = Cell::kHasC ? in.config.hidden : 0;
  typename Network::State state{to<Cuda>(random(in.config.output(), in.config.layers)),
                                to<Cuda>(random(c, in.config.layers))};
  typename Network::State d_state{to<Cuda>(random(in.config.output(), in.config.layers)),
                                  to<Cuda>(random(c, in.config.layers))};
  std::vector<std::int32_t> tokens;
  for (Index i = 0; i < in.B * in.T; ++i) tokens.push_back(static_cast<std::int32_t>(rng.below(13)));

  typename Network::Cache cache;
  Sequence<float, Cuda> dx(in.config.input, in.B, in.T);
  const Mode drops = in.config.dropout > 0 ? Mode(Training{dropout_rng}) : Mode(Inference{});
  const Sequence<float, Cuda>* y = nullptr;
  // Work on the caller's stream, for which the contexts must wait.
  const auto begin_backward = [&] {
    zero_grad(network), zero_grad(embedding);
    for (auto* s : {&d_state.h, &d_state.c}) scale(Cuda{}, s->flat(), 0.5f);
  };
  for (auto* s : {&state.h, &state.c}) scale(Cuda{}, s->flat(), 0.5f);
  if (in.tokens) {
    y = &network.forward(embedding.input(tokens, in.B, in.T), state, cache, drops);
    begin_backward();
    network.backward(embedding.input(tokens, in.B, in.T), dy, cache, d_state, embedding.E().grad());
  } else {
    y = &network.forward(x, state, cache, drops);
    begin_backward();
    network.backward(x, dy, cache, d_state, &dx);
  }
  Tensors out;
  const auto add = [&](const std::string& name, MatrixView<const float> on_device) {
    with_host_copy(Cuda{}, on_device, [&](auto values) {
      out.emplace_back(name, std::vector<double>(values.data, values.data + values.rows * values.cols));
    });
  };
  add("y", y->flat());
  add("h", std::as_const(state.h).flat()), add("c", std::as_const(state.c).flat());
  add("dh", std::as_const(d_state.h).flat()), add("dc", std::as_const(d_state.c).flat());
  if (!in.tokens) add("dx", std::as_const(dx).flat());
  if (in.tokens) add("dE", embedding.E().grad());
  network.for_each_parameter([&](const Path& path, auto& p) { add(std::string(path.text()), p.grad()); });
  out.emplace_back("random numbers drawn", std::vector<double>{static_cast<double>(dropout_rng.state().drawn)});
  return out;
}

template <class Cell>
void check(const Case& in) {
  for (RecurrentAlgorithm algorithm : {RecurrentAlgorithm::stepwise, RecurrentAlgorithm::cluster_persistent}) {
    const AlgorithmGuard guard(algorithm);
    const Tensors one_by_one = run<Cell>(in);
    for (Index steps : {3, 5, 100}) {
      const WavefrontGuard wavefront(steps);
      const Tensors together = run<Cell>(in);
      REQUIRE(together.size() == one_by_one.size());
      for (std::size_t n = 0; n < together.size(); ++n) {
        const auto& [name, values] = together[n];
        const auto& wanted = one_by_one[n].second;
        REQUIRE(values.size() == wanted.size());
        double worst = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
          const double error = std::abs(values[i] - wanted[i]);
          worst = std::isnan(error) || std::isnan(worst) ? NAN : std::max(worst, error);
        }
        INFO(cuda::name(algorithm) << ", pieces of " << steps << ", " << in.config.layers << " layers, T " << in.T
                                   << (in.lengths.empty() ? "" : ", ragged") << ": " << name << " has error " << worst);
        // The products of a piece may be summed in a different order.
        CHECK(worst <= 1e-5 * std::fmax(1, largest(wanted)));
        if (in.T > 0 && !wanted.empty() && name != "random numbers drawn") CHECK(largest(wanted) > 1e-3);
      }
    }
  }
}

}  // namespace

void rondo_test::check_wavefront() {
  for (const Case& in : {Case{{.input = 5, .hidden = 12, .layers = 3}, 4, 10},
                         {{.input = 5, .hidden = 12, .layers = 3, .dropout = 0.3}, 4, 10},
                         {{.input = 3, .hidden = 9, .layers = 2, .dropout = 0.5}, 5, 7, {3, 7, 0, 1, 6}},
                         {{.input = 4, .hidden = 8, .layers = 3, .dropout = 0.2}, 3, 8, {}, true},
                         {{.input = 5, .hidden = 12, .layers = 3, .projection = 4, .dropout = 0.3}, 4, 7},
                         {{.input = 4, .hidden = 8, .layers = 2}, 3, 0}})
    check<LstmCell>(in);
  check<GruCell>({{.input = 3, .hidden = 9, .layers = 3, .dropout = 0.5}, 5, 7, {3, 7, 0, 1, 6}});
}

TEST_CASE("a wavefront of layers equals the layers in sequence") {
  if (gpu_available()) check_wavefront();
}

TEST_CASE("a wavefront runs for more than one layer only") {
  if (!gpu_available()) return;
  CHECK_FALSE(wavefront_enabled(Cuda{}, 3));
  const WavefrontGuard wavefront(2);
  CHECK(wavefront_enabled(Cuda{}, 3));
  CHECK_FALSE(wavefront_enabled(Cuda{}, 1));
}
