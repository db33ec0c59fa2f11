// SPDX-License-Identifier: MIT
// DataParallel on GPUs: sums there by NCCL, or by way of the host. Ranks are threads; devices and NCCL are stand-ins.
#include <rondo/cuda.hpp>
#include <rondo/distributed/data_parallel.hpp>
#include <rondo/distributed/nccl.hpp>
#include <rondo/layers/token_model.hpp>

#include "support/catch.hpp"
#include "support/thread_ranks.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

using namespace rondo;

namespace {

constexpr Index kBatch = 7, kTime = 3, kVocabulary = 11;
const TokenModelConfig kConfig{.vocabulary = kVocabulary, .embedding = 6, .hidden = 9, .layers = 2};

template <class Model, class Parallel>
std::vector<float> gradients(Model& model, Parallel& parallel, Index first, Index count, bool accumulates) {
  // Both live until the end: to free memory of a device waits for all its streams, which would hide a missing wait.
  typename Model::Cache cache;
  std::vector<decltype(model.zero_state(1))> states;
  const auto backward = [&](Index from, Index columns) {
    std::vector<std::int32_t> tokens;
    for (Index t = 0; t < kTime; ++t)
      for (Index b = from; b < from + columns; ++b)
        tokens.push_back(static_cast<std::int32_t>((3 * b + 7 * t + b * t) % kVocabulary));
    states.push_back(model.zero_state(columns));
    model.forward_backward(tokens, tokens, columns, kTime, states.back(), cache, Inference{}, parallel.when_ready());
  };
  zero_grad(model);
  Index done = 0;
  if (accumulates && count > 1) {
    backward(first, 1);
    parallel.accumulate(1);
    done = 1;
  }
  parallel.begin(static_cast<double>(count - done));
  backward(first + done, count - done);
  parallel.finish();
  std::vector<float> all;
  cuda::Context::current().synchronize();  // of this stream alone
  with_host_copy(Cuda{}, parallel.gradients(), [&](auto host) { all.assign(host.data, host.data + host.rows); });
  return all;
}

}  // namespace

TEST_CASE("DataParallel on GPUs: the gradients of N ranks are those of one with the whole batch") {
  const int N = GENERATE(1, 2, 3);
  const bool nccl = GENERATE(false, true);
  const auto bucket_bytes = GENERATE(std::size_t{1}, std::size_t{1} << 20);
  CAPTURE(N, nccl, bucket_bytes);
  std::vector<float> wanted;
  {
    cuda::Context context;
    const cuda::ContextGuard use(context);
    Rng rng(3);
    TokenModel<float, Cuda> model(kConfig, rng);
    SingleProcess alone;
    DataParallel<float, Cuda> parallel(model, alone);
    wanted = gradients(model, parallel, 0, kBatch, false);
  }
  std::vector<std::vector<float>> of_rank(static_cast<std::size_t>(N));
  test::run_ranks(N, [&](Communicator& host) {
    const auto r = static_cast<std::size_t>(host.rank());
    cuda::Context context;
    const cuda::ContextGuard use(context);
    std::optional<NcclCommunicator> gpus;
    if (nccl) gpus.emplace(host);
    Rng rng(3 + r);
    TokenModel<float, Cuda> model(kConfig, rng);
    DataParallel<float, Cuda> parallel(model, nccl ? static_cast<Communicator&>(*gpus) : host,
                                       {.bucket_bytes = bucket_bytes});
    const auto [first, count] = part_of_rank(kBatch, host);
    for (const bool accumulates : {false, true})
      of_rank[r] = gradients(model, parallel, static_cast<Index>(first), static_cast<Index>(count), accumulates);
  });
  float largest = 0;
  for (const float value : wanted) largest = std::max(largest, std::abs(value));
  for (const auto& own : of_rank) {
    REQUIRE(own == of_rank[0]);
    REQUIRE(own.size() == wanted.size());
    for (std::size_t n = 0; n < own.size(); ++n) REQUIRE(std::abs(own[n] - wanted[n]) <= 4e-6f * largest);
  }
}

TEST_CASE("NcclCommunicator: gradients between GPUs travel as fp32") {
  test::run_ranks(1, [](Communicator& host) {
    NcclCommunicator ranks(host);
    std::vector<float> values(3);
    std::string message;
    try {
      ranks.make_device_all_reduce(values, Precision::bf16);
    } catch (const error& e) {
      message = e.what();
    }
    if (message != "NcclCommunicator: gradients travel between GPUs as fp32, not as bf16") std::terminate();
  });
}

TEST_CASE("select_gpu: each rank of a machine has a GPU of its own") {
  int count = 0;
  cudaGetDeviceCount(&count);
  std::vector<int> devices(static_cast<std::size_t>(count), -1);
  test::run_ranks(count, [&](Communicator& ranks) {
    select_gpu(ranks);
    cudaGetDevice(&devices[static_cast<std::size_t>(ranks.rank())]);
  });
  for (int n = 0; n < count; ++n) REQUIRE(devices[static_cast<std::size_t>(n)] == n);
  std::vector<std::string> messages(static_cast<std::size_t>(count) + 1);
  test::run_ranks(count + 1, [&](Communicator& ranks) {
    try {
      select_gpu(ranks);
    } catch (const cuda::error& e) {
      messages[static_cast<std::size_t>(ranks.rank())] = e.what();
    }
  });
  REQUIRE(messages[0].empty());
  REQUIRE(messages.back().starts_with("select_gpu: rank " + std::to_string(count)));
}
