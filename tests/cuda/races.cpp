// SPDX-License-Identifier: MIT
// For the host executor only, with cases small enough for ThreadSanitizer, for which every CUDA thread is a thread: it
// reports accesses of two threads to one address without a barrier between. Without the sanitizer the results are
// checked.
#include <host_cuda.hpp>

#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

TEST_CASE("Recurrent layer on CUDA, races: every algorithm and product") {
  host_cuda::set_device({9, 0, 3});
  {
    cuda::Context context;
    const cuda::ContextGuard use(context);
    for (const CaseShape& shape : {CaseShape{2, 10, 3, 3},
                                   {2, 10, 3, 3, {1, 3, 2}},
                                   {1, 40, 1, 2},
                                   {1, 10, 65, 2},
                                   {2, 10, 3, 3, {1, 3, 0}, Direction::reverse}})
      for (RecurrentAlgorithm algorithm : kAlgorithms)
        for (Precision precision : {Precision::fp32, Precision::bf16, Precision::tf32}) {
          if (algorithm == RecurrentAlgorithm::dataflow_persistent) continue;  // other sizes: dataflow_on_host.cpp
          const RecurrentCase<LstmCell> in(shape, 9);
          const AlgorithmGuard guard(algorithm);
          RecurrentCache<float, Cuda> cache;
          const CaseResults got = run_on_device(in, cache, {.precision = precision});
          INFO(cuda::name(algorithm) << ": " << text(shape));
          CHECK(cuda::name(context.last_algorithm()) == std::string(cuda::name(algorithm)));
          if (precision == Precision::fp32) require_close(shape, got, reference(in));
        }
  }
  host_cuda::set_device({});
}

TEMPLATE_TEST_CASE("Recurrent layer on CUDA, races: other cells and projections", "", LstmCell, GruCell,
                   CoupledPeepholeLstmCell) {
  for (Direction direction : {Direction::forward, Direction::reverse})
    for (Precision precision : {Precision::fp32, Precision::bf16}) {
      const RecurrentCase<TestType> in({.C = 2,
                                        .H = 10,
                                        .B = 3,
                                        .T = 3,
                                        .lengths = {1, 3, 0},
                                        .direction = direction,
                                        .projection = TestType::kHasC ? 4 : 0},
                                       9);
      const AlgorithmGuard guard(RecurrentAlgorithm::stepwise);
      RecurrentCache<float, Cuda> cache;
      const CaseResults got = run_on_device(in, cache, {.precision = precision});
      if (precision == Precision::fp32) require_close(in.shape, got, reference(in));
    }
}
