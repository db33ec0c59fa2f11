// SPDX-License-Identifier: MIT
// For the host executor only: what a test cannot bring about on a GPU. Two devices, launches that are refused, clusters
// of which fewer are resident than multiprocessors suggest, the number of graphs, of waits of the host and of bytes,
// products of truncated tf32 factors.
#include <vector>

#include <host_cuda.hpp>

#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>

#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// The default state of the executor at the end of a test.
struct Restore {
  ~Restore() {
    host_cuda::set_device({});
    host_cuda::refuse_launches(cudaSuccess);
    host_cuda::truncate_tf32(false);
  }
};

CaseResults run(const RecurrentCase<LstmCell>& in, RecurrentAlgorithm algorithm, Precision precision) {
  const AlgorithmGuard guard(algorithm);
  RecurrentCache<float, Cuda> cache;
  return run_on_device(in, cache, {.precision = precision});
}

}  // namespace

TEST_CASE("CUDA on the host: two devices") {
  const Restore restore;
  const CaseShape shape{5, 37, 9, 6};
  const RecurrentCase<LstmCell> in(shape, 2);
  host_cuda::set_device({}, 2);
  cuda::Context first;
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  cuda::Context second;
  int current = 0;
  for (int round = 0; round < 2; ++round)
    for (cuda::Context* context : {&first, &second}) {
      const cuda::ContextGuard use(*context);
      REQUIRE(cudaGetDevice(&current) == cudaSuccess);
      CHECK(current == (context == &second));
      for (RecurrentAlgorithm algorithm : kAlgorithms)
        require_close(shape, run(in, algorithm, Precision::fp32), reference(in));
    }
  REQUIRE(cudaGetDevice(&current) == cudaSuccess);
  CHECK(current == 1);
  require_close(shape, run(in, RecurrentAlgorithm::graph, Precision::fp32), reference(in));  // device 1's default
  REQUIRE(cudaSetDevice(0) == cudaSuccess);
  require_close(shape, run(in, RecurrentAlgorithm::graph, Precision::fp32), reference(in));
}

TEST_CASE("CUDA on the host: a launch that the GPU refuses falls back to the next simpler algorithm") {
  const Restore restore;
  const CaseShape shape{5, 37, 9, 6};
  const RecurrentCase<LstmCell> in(shape, 2);
  cuda::Context context;
  const cuda::ContextGuard use(context);
  for (cudaError_t refusal : {cudaErrorCooperativeLaunchTooLarge, cudaErrorLaunchOutOfResources}) {
    host_cuda::refuse_launches(refusal);
    require_close(shape, run(in, RecurrentAlgorithm::grid_persistent, Precision::fp32), reference(in));
    CHECK(context.last_algorithm() == RecurrentAlgorithm::graph);
    require_close(shape, run(in, RecurrentAlgorithm::cluster_persistent, Precision::fp32), reference(in));
    CHECK(context.last_algorithm() == RecurrentAlgorithm::cluster_persistent);  // of one block, which is not refused
    const RecurrentCase<LstmCell> wide({5, 40, 9, 6}, 2);
    require_close(wide.shape, run(wide, RecurrentAlgorithm::dataflow_persistent, Precision::fp32), reference(wide));
    CHECK(context.last_algorithm() == RecurrentAlgorithm::cluster_persistent);
  }
  host_cuda::refuse_launches(cudaSuccess);
  run(in, RecurrentAlgorithm::grid_persistent, Precision::fp32);
  CHECK(context.last_algorithm() == RecurrentAlgorithm::grid_persistent);
}

TEST_CASE("CUDA on the host: columns are divided among the clusters that are resident") {
  const Restore restore;
  const Index B = 24;
  Rng rng(1);
  RecurrentLayer<LstmCell, float, Cuda> layer({.input = 3, .hidden = 64}, 3, Direction::forward, rng);
  Sequence<float, Cuda> x(3, B, 2), y(64, B, 2), h(64, B, 1), c(64, B, 1);
  fill(Cuda{}, x.flat(), 0.5f);
  cuda::Context::current().synchronize();
  std::vector<std::vector<float>> results;
  // Of 132 multiprocessors: eight clusters of 16 blocks, if so many are resident. Seven would take two rounds of three
  // columns; six take one round of four.
  struct Resident {
    int most;
    std::size_t used;
  };
  for (const Resident& resident : {Resident{0, 8}, {7, 6}, {1, 1}}) {
    host_cuda::set_device({9, 0, 132, resident.most});
    cuda::Context context;
    const cuda::ContextGuard use(context);
    const AlgorithmGuard guard(RecurrentAlgorithm::cluster_persistent);
    RecurrentCache<float, Cuda> cache;
    fill(Cuda{}, h.flat(), 0.5f), fill(Cuda{}, c.flat(), 0.5f);
    layer.forward(std::as_const(x), h.flat(), c.flat(), y.view(), cache, Inference{});
    CHECK(context.last_algorithm() == RecurrentAlgorithm::cluster_persistent);
    const auto launch = host_cuda::last_cluster_launch();
    CHECK(launch.cluster == 16);
    CHECK(launch.blocks == 16 * resident.used);
    const Sequence<float> host = to<Cpu>(y);
    results.emplace_back(host.data(), host.data() + host.size());
  }
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("CUDA on the host: a graph is captured when a pass comes again, and few are kept") {
  const Restore restore;
  cuda::Context context;
  const cuda::ContextGuard use(context);
  const AlgorithmGuard guard(RecurrentAlgorithm::graph);
  Rng rng(1);
  RecurrentLayer<LstmCell, float, Cuda> layer({.input = 3, .hidden = 8}, 3, Direction::forward, rng);
  RecurrentCache<float, Cuda> cache;
  Sequence<float, Cuda> x(3, 2, 40), y(8, 2, 40), h(8, 2, 1), c(8, 2, 1);
  const auto graphs_of = [&](Index T) {
    const std::size_t before = host_cuda::graphs_instantiated();
    const SequenceView<const float> part{std::as_const(x).flat().columns(0, 2 * T), {2, T, {}}};
    layer.forward(part, h.flat(), c.flat(), {y.flat().columns(0, 2 * T), {2, T, {}}}, cache, Inference{});
    context.synchronize();
    return host_cuda::graphs_instantiated() - before;
  };
  graphs_of(40);  // the buffers have their sizes
  for (Index T = 1; T < 30; ++T) CHECK(graphs_of(T) == 0);
  for (Index T : {40, 20}) {
    graphs_of(T);
    CHECK(graphs_of(T) == 1);
    CHECK(graphs_of(T) == 0);
  }
  CHECK(graphs_of(40) == 0);
}

TEST_CASE("CUDA on the host: a training step does not wait for the device before its loss is asked for") {
  const Restore restore;
  cuda::Context context;
  const cuda::ContextGuard use(context);
  constexpr Index B = 4, T = 6;
  Rng rng(1);
  TokenModel<float, Cuda> model({.vocabulary = 11, .embedding = 5, .hidden = 8, .layers = 2, .dropout = 0.1}, rng);
  TokenModel<float, Cuda>::Cache cache;
  auto state = model.zero_state(B);
  DeferredLoss<Cuda> loss;
  GradientNorm<Cuda> norm;
  Adam adam;
  std::vector<std::int32_t> tokens(B * T, 3), targets(B * T, 4);
  const auto waits_in_step = [&] {
    const std::size_t before = host_cuda::host_waits();
    zero_grad(model);
    model.forward_backward(tokens, targets, B, T, state, cache, Training{rng}, loss);
    clip_grad_norm(model, 0.5, norm);
    adam.step(model, 0.05, norm);
    return host_cuda::host_waits() - before;
  };
  for (RecurrentAlgorithm algorithm : kAlgorithms) {
    context.set_recurrent_algorithm(algorithm);
    for (int n = 0; n < 3; ++n) waits_in_step();  // buffers have their sizes, and graphs are captured
    const double first = loss.get().mean();
    CHECK(first > 0);
    INFO(cuda::name(algorithm));
    for (int n = 0; n < 5; ++n) CHECK(waits_in_step() == 0);
    const std::size_t before = host_cuda::host_waits();
    CHECK(loss.get().mean() != first);
    CHECK(host_cuda::host_waits() > before);
    CHECK(norm.value() > 0);
    const std::size_t before_clip = host_cuda::host_waits();
    clip_grad_norm(model, 0.5);
    CHECK(host_cuda::host_waits() - before_clip <= 3);  // not one for each of the nine parameters
  }
}

TEST_CASE("CUDA on the host: bytes that a training step keeps for a unit of a column") {
  const Restore restore;
  cuda::Context context;
  const cuda::ContextGuard use(context);
  context.set_recurrent_algorithm(RecurrentAlgorithm::stepwise);
  constexpr Index H = 4, B = 64, kLong = 256;
  Rng rng(1);
  RecurrentLayer<LstmCell, float, Cuda> plain({.input = H, .hidden = H}, H, Direction::forward, rng);
  RecurrentLayer<LstmCell, float, Cuda> low({.input = H, .hidden = H, .precision = Precision::bf16}, H,
                                            Direction::forward, rng);
  const Sequence<float, Cuda> x(H, B, kLong), dy(H, B, kLong);
  Sequence<float, Cuda> y(H, B, kLong), h(H, B, 1), c(H, B, 1);
  const auto bytes = [&](auto& layer, Index T) {
    for (auto* s : {&h, &c}) fill(Cuda{}, s->flat(), 0.0f);
    RecurrentCache<float, Cuda> cache;
    const Extent extent{B, T, {}};
    const std::size_t before = host_cuda::allocated_bytes();
    const SequenceView<const float> input{x.flat().columns(0, B * T), extent};
    const SequenceView<float> output{y.flat().columns(0, B * T), extent};
    layer.forward(input, h.flat(), c.flat(), output, cache, Inference{});
    layer.backward(input, output, {dy.flat().columns(0, B * T), extent}, cache, h.flat(), c.flat(), {});
    return host_cuda::allocated_bytes() - before;
  };
  const auto per_value = [&](auto& layer) {
    bytes(layer, kLong);  // the context's workspace has its size
    return (bytes(layer, kLong) - bytes(layer, kLong / 2)) / (H * B * kLong / 2);
  };
  CHECK(per_value(plain) == 4 * (4 + 2 + 4));        // gates, c and tanh(c), dz
  CHECK(per_value(low) == 2 * (4 + 2 + 4) + 2 * 2);  // the same, and the operands x and h
}

TEST_CASE("CUDA on the host: the tolerance of tf32 holds for a GPU that truncates") {
  const Restore restore;
  const CaseShape shape{30, 100, 17, 4};
  const RecurrentCase<LstmCell> in(shape, 4);
  host_cuda::truncate_tf32(true);
  const CaseResults got = run(in, RecurrentAlgorithm::stepwise, Precision::tf32), exact = reference(in);
  for (const auto& [name, values] : got.tensors)
    for (const auto& [exact_name, exact_values] : exact.tensors)
      if (exact_name == name) {
        INFO(name);
        CHECK(relative_error(values, exact_values) <= 4 * kTf32Roundoff);
      }
}
