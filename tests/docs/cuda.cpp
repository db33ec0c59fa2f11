// SPDX-License-Identifier: MIT
// The C++ block of docs/05-cuda-kernels.md, on the host executor.
#include <rondo/cuda.hpp>
#include <rondo/rondo.hpp>

#include <cmath>

#include "support/catch.hpp"

namespace {

TEST_CASE("a layer on a GPU") {
  rondo::Rng rng(1);
  rondo::Sequence<float> x(88, 2, 2);
  rondo::initialise_normal(x.flat(), 1.0, rng);
  const rondo::cuda::Stream stream = rondo::cuda::Context::current().stream();
  rondo::Lstm<float, rondo::Cuda>::Cache cache;
  // [cuda]
  rondo::cuda::Context context(stream);    // your stream; without an argument, a new one
  rondo::cuda::ContextGuard use(context);  // this thread's operations run in `context`
  context.set_recurrent_algorithm(rondo::cuda::RecurrentAlgorithm::graph);

  rondo::Lstm<float, rondo::Cuda> lstm({.input = 88, .hidden = 512, .precision = rondo::Precision::bf16}, rng);
  auto state = lstm.zero_state(x.batch());
  const auto& y = lstm.forward(rondo::to<rondo::Cuda>(x), state, cache, rondo::Inference{});
  // [/cuda]
  const rondo::Sequence<float> outputs = rondo::to<rondo::Cpu>(y);
  REQUIRE(outputs.features() == 512);
  CHECK(std::abs(outputs(0, 0, 1)) > 0);
  CHECK(context.last_algorithm() == rondo::cuda::RecurrentAlgorithm::graph);
}

}  // namespace
