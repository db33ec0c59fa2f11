// SPDX-License-Identifier: MIT
// For the host executor only: a captured step on a GPU that refuses launches or graphs, and how often it waits.
#include <vector>

#include <host_cuda.hpp>

#include <rondo/cuda.hpp>
#include <rondo/layers/recurrent.hpp>

#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

struct Restore {
  ~Restore() {
    host_cuda::refuse_launches(cudaSuccess);
    host_cuda::refuse_graphs(false);
  }
};

/// A layer that doubles as the work of a step: its final state is the initial one of the next step.
class Work {
 public:
  Work() {
    Sequence<float> host(5, 3, 6);
    initialise_normal(host.flat(), 1, rng_);
    x_ = to<Cuda>(host);
  }
  void operator()() { network_.forward(x_, state_, cache_, Training{rng_}); }
  std::vector<float> state() const {
    const Sequence<float> host = to<Cpu>(state_.h);
    return {host.data(), host.data() + host.size()};
  }

 private:
  Rng rng_{2};
  Recurrent<LstmCell, float, Cuda> network_{{.input = 5, .hidden = 12, .layers = 2, .dropout = 0.2}, rng_};
  decltype(network_)::Cache cache_;
  RecurrentState<float, Cuda> state_ = network_.zero_state(3);
  Sequence<float, Cuda> x_;
};

}  // namespace

TEST_CASE("CUDA on the host: a captured step without the kernels or the graph that the GPU refuses") {
  const Restore restore;
  const bool refuses_graphs = GENERATE(false, true);
  const AlgorithmGuard guard(refuses_graphs ? RecurrentAlgorithm::stepwise : RecurrentAlgorithm::grid_persistent);
  host_cuda::refuse_launches(cudaErrorCooperativeLaunchTooLarge);
  host_cuda::refuse_graphs(refuses_graphs);
  Work plain, captured;
  CapturedStep<Cuda> step;
  for (int n = 0; n < 6; ++n) {
    plain(), step.run([&] { captured(); });
    CHECK(captured.state() == plain.state());
    if (!refuses_graphs)  // the next simpler one
      CHECK(cuda::Context::current().last_algorithm() == RecurrentAlgorithm::graph);
  }
  CHECK(step.replays() == (refuses_graphs ? 0 : 4));
  CHECK(step.captures() == (refuses_graphs ? 0 : 1));
  CHECK(step.refusal().starts_with(refuses_graphs ? "cudaGraphInstantiate: cudaErrorNotSupported" : ""));
  CHECK(step.refusal().empty() == !refuses_graphs);
}

TEST_CASE("CUDA on the host: a replay waits for nothing but values of the step before the last one") {
  const AlgorithmGuard guard(RecurrentAlgorithm::stepwise);
  Work work;
  CapturedStep<Cuda> step;
  for (int n = 0; n < 4; ++n) step.run([&] { work(); });
  cuda::Context::current().synchronize();
  const std::size_t waits = host_cuda::host_waits(), graphs = host_cuda::graphs_instantiated();
  for (int n = 0; n < 10; ++n) step.run([&] { work(); });
  CHECK(host_cuda::host_waits() - waits <= 10);
  CHECK(host_cuda::graphs_instantiated() == graphs);
  CHECK(step.replays() == 12);
}
