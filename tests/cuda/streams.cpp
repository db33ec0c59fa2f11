// SPDX-License-Identifier: MIT
// The backend on streams that are not its own: borrowed, the legacy stream 0, one that the caller captures; contexts
// that come and go; pinned memory; a second device; sequence lengths that change.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include <cuda_runtime_api.h>

#include <rondo/cuda.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/recurrent.hpp>

#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

#define REQUIRE_CUDA(call) REQUIRE((call) == cudaSuccess)

/// A stream of the test.
struct OwnStream {
  OwnStream() { REQUIRE_CUDA(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking)); }
  ~OwnStream() { cudaStreamDestroy(handle); }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  cudaStream_t handle = nullptr;
};

/// A network on the device with its buffers, so that passes over it may be repeated with the same addresses.
struct Trained {
  using Network = Recurrent<LstmCell, float, Cuda>;
  Rng rng{3};
  Network network;
  Network::Cache cache;
  Sequence<float, Cuda> x, dy, dx;
  Network::State state, d_state;
  std::vector<float> outputs;

  explicit Trained(const RecurrentConfig& config = {.input = 5, .hidden = 12}, Index B = 3, Index T = 6)
      : network(config, rng), dx(config.input, B, T) {
    x = random(config.input, B, T), dy = random(config.output() * config.directions(), B, T);
    state = network.zero_state(B), d_state = network.zero_state(B);
  }

  Sequence<float, Cuda> random(Index features, Index B, Index T) {
    Sequence<float> host(features, B, T);
    initialise_normal(host.flat(), 1, rng);
    return to<Cuda>(host);
  }

  /// A forward and a backward pass from a zero state, without waiting.
  void pass() {
    for (auto* s : {&state.h, &state.c, &d_state.h, &d_state.c}) fill(Cuda{}, s->flat(), 0.0f);
    zero_grad(network);
    network.forward(x, state, cache, Inference{});
    network.backward(x, dy, cache, d_state, &dx);
  }

  /// The gradients of the input and the final state, on the host.
  std::vector<float> results() {
    std::vector<float> all;
    for (const auto* s : {&std::as_const(dx), &std::as_const(state.h)}) {
      const Sequence<float> host = to<Cpu>(*s);
      all.insert(all.end(), host.data(), host.data() + host.size());
    }
    return all;
  }
};

std::vector<float> wanted_results(RecurrentConfig config = {.input = 5, .hidden = 12}, Index B = 3, Index T = 6) {
  const AlgorithmGuard guard(RecurrentAlgorithm::stepwise);
  Trained trained(config, B, T);
  trained.pass();
  return trained.results();
}

void set_algorithm(RecurrentAlgorithm algorithm) { cuda::Context::current().set_recurrent_algorithm(algorithm); }

bool close(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](float p, float q) { return std::abs(p - q) <= 2e-6f * (1 + std::abs(q)); });
}

}  // namespace

TEST_CASE("CUDA: every algorithm runs on a borrowed stream and on the legacy stream, again and again") {
  if (!gpu_available()) return;
  const auto wanted = wanted_results();
  const OwnStream own;
  for (cudaStream_t stream : {own.handle, cudaStream_t{nullptr}})
    for (RecurrentAlgorithm algorithm : kAlgorithms) {
      INFO(cuda::name(algorithm) << (stream ? "" : " on the legacy stream"));
      cuda::Context context(stream);
      const cuda::ContextGuard use(context);
      set_algorithm(algorithm);
      Trained trained;
      for (int n = 0; n < 4; ++n) {
        trained.pass();
        CHECK(close(trained.results(), wanted));
      }
    }
}

TEST_CASE(
    "CUDA: a caller's capture holds the passes, which follow the values that their arguments have at its launch") {
  if (!gpu_available()) return;
  for (const RecurrentConfig& config :
       {RecurrentConfig{.input = 5, .hidden = 12}, {.input = 5, .hidden = 12, .layers = 2, .bidirectional = true}})
    for (RecurrentAlgorithm algorithm : kAlgorithms) {
      INFO(cuda::name(algorithm) << ", layers " << config.layers);
      const auto wanted = wanted_results(config);
      const OwnStream own;
      cuda::Context context(own.handle);
      const cuda::ContextGuard use(context);
      set_algorithm(algorithm);
      Trained trained(config);
      trained.pass();  // buffers have their sizes before the capture
      context.synchronize();
      cudaGraph_t graph = nullptr;
      cudaGraphExec_t executable = nullptr;
      REQUIRE_CUDA(cudaStreamBeginCapture(own.handle, cudaStreamCaptureModeGlobal));
      trained.pass();
      REQUIRE_CUDA(cudaStreamEndCapture(own.handle, &graph));
      REQUIRE_CUDA(cudaGraphInstantiate(&executable, graph, 0));
      REQUIRE_CUDA(cudaGraphDestroy(graph));

      scale(Cuda{}, trained.dy.flat(), 2.0f);  // gradients are linear in dy
      for (int n = 0; n < 2; ++n) {
        fill(Cuda{}, trained.dx.flat(), 0.0f);
        REQUIRE_CUDA(cudaGraphLaunch(executable, own.handle));
        auto doubled = wanted;
        for (Index i = 0; i < trained.dx.size(); ++i) doubled[static_cast<std::size_t>(i)] *= 2;
        CHECK(close(trained.results(), doubled));
      }
      REQUIRE_CUDA(cudaGraphExecDestroy(executable));
    }
}

TEST_CASE("CUDA: in a capture buffers may grow, and those that it replaces stay valid") {
  if (!gpu_available()) return;
  const auto wanted = wanted_results();
  const OwnStream own;
  cuda::Context context(own.handle);
  const cuda::ContextGuard use(context);
  set_algorithm(RecurrentAlgorithm::stepwise);
  Trained trained;
  context.synchronize();
  cudaGraph_t graph = nullptr;
  REQUIRE_CUDA(cudaStreamBeginCapture(own.handle, cudaStreamCaptureModeGlobal));
  Buffer<float, Cuda> grows(10);
  fill(Cuda{}, MatrixView<float>{grows.data(), 10, 1, 10}, 1.0f);
  grows.resize(1000);  // the capture still writes to the former memory
  trained.pass();      // the first pass allocates
  REQUIRE_CUDA(cudaStreamEndCapture(own.handle, &graph));
  cudaGraphExec_t executable = nullptr;
  REQUIRE_CUDA(cudaGraphInstantiate(&executable, graph, 0));
  REQUIRE_CUDA(cudaGraphLaunch(executable, own.handle));
  CHECK(close(trained.results(), wanted));
  REQUIRE_CUDA(cudaGraphExecDestroy(executable));
  REQUIRE_CUDA(cudaGraphDestroy(graph));
}

TEST_CASE("CUDA: a host copy in a capture is refused by name") {
  if (!gpu_available()) return;
  const OwnStream own;
  cuda::Context context(own.handle);
  const cuda::ContextGuard use(context);
  Rng rng(1);
  Embedding<float, Cuda> embedding(13, 5, rng);
  Sequence<float, Cuda> out(5, 1, 4);
  const std::vector<std::int32_t> tokens{1, 2, 3, 4};
  embedding_forward(Cuda{}, embedding.E().value(), tokens, out.flat());
  context.synchronize();
  REQUIRE_CUDA(cudaStreamBeginCapture(own.handle, cudaStreamCaptureModeRelaxed));
  CHECK_THROWS_WITH(embedding_forward(Cuda{}, embedding.E().value(), tokens, out.flat()),
                    "rondo::cuda: a copy from the host to the device, of tokens, lengths or weights of steps, is not "
                    "possible while its stream is captured");
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(own.handle, &graph);
  if (graph) cudaGraphDestroy(graph);
  cudaGetLastError();
}

TEST_CASE("CUDA: a layer outlives contexts and is used in another") {
  if (!gpu_available()) return;
  const auto wanted = wanted_results();
  Trained trained;
  for (int round = 0; round < 3; ++round) {
    const auto context = std::make_unique<cuda::Context>();
    const cuda::ContextGuard use(*context);
    set_algorithm(RecurrentAlgorithm::graph);
    for (int n = 0; n < 3; ++n) trained.pass();  // captured and replayed
    CHECK(close(trained.results(), wanted));
  }
}

TEST_CASE("CUDA: pinned memory may be overwritten right after the call that reads it") {
  if (!gpu_available()) return;
  Rng rng(1);
  Embedding<float, Cuda> embedding(13, 5, rng);
  constexpr Index kCount = 50000;
  std::int32_t* pinned = nullptr;
  REQUIRE_CUDA(cudaMallocHost(reinterpret_cast<void**>(&pinned), kCount * sizeof(std::int32_t)));
  for (Index i = 0; i < kCount; ++i) pinned[i] = static_cast<std::int32_t>(i % 13);
  Sequence<float, Cuda> read(5, kCount, 1), wanted(5, kCount, 1);
  const std::vector<std::int32_t> pageable(pinned, pinned + kCount);
  embedding_forward(Cuda{}, embedding.E().value(), {pinned, static_cast<std::size_t>(kCount)}, read.flat());
  std::fill_n(pinned, kCount, 0);
  embedding_forward(Cuda{}, embedding.E().value(), pageable, wanted.flat());
  const Sequence<float> a = to<Cpu>(read), b = to<Cpu>(wanted);
  CHECK(std::equal(a.data(), a.data() + a.size(), b.data()));
  REQUIRE_CUDA(cudaFreeHost(pinned));
}

TEST_CASE("CUDA: each device has its contexts, and a guard selects the device") {
  if (!gpu_available()) return;
  int devices = 0;
  REQUIRE_CUDA(cudaGetDeviceCount(&devices));
  if (devices < 2) return;
  const auto wanted = wanted_results();
  int current = -1;
  REQUIRE_CUDA(cudaSetDevice(1));
  {
    Trained on_second;  // in the default context of the second device
    on_second.pass();
    CHECK(close(on_second.results(), wanted));
    cuda::Context second;
    REQUIRE_CUDA(cudaSetDevice(0));
    for (RecurrentAlgorithm algorithm : kAlgorithms) {
      INFO(cuda::name(algorithm));
      const cuda::ContextGuard use(second);
      set_algorithm(algorithm);
      Trained trained({.input = 5, .hidden = 12, .bidirectional = true});
      for (int n = 0; n < 3; ++n) trained.pass();
      trained.results();
      REQUIRE_CUDA(cudaGetDevice(&current));
      CHECK(current == 1);
    }
  }
  REQUIRE_CUDA(cudaGetDevice(&current));
  CHECK(current == 0);
  CHECK(close(wanted_results(), wanted));
}

TEST_CASE("CUDA: graphs of sequences whose length changes") {
  if (!gpu_available()) return;
  const AlgorithmGuard guard(RecurrentAlgorithm::graph);
  Trained trained({.input = 5, .hidden = 12}, 3, 9);
  for (int round = 0; round < 3; ++round)
    for (Index T : {9, 4, 7, 9, 2, 5, 6, 3}) {
      const auto wanted = wanted_results({.input = 5, .hidden = 12}, 3, T);
      Trained fresh({.input = 5, .hidden = 12}, 3, T);
      std::swap(trained.network, fresh.network);  // with the graphs in trained.cache
      trained.x = fresh.x, trained.dy = fresh.dy, trained.dx.resize(5, 3, T);
      trained.pass();
      CHECK(close(trained.results(), wanted));
    }
}
