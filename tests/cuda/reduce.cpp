// SPDX-License-Identifier: MIT
// For the host executor only: the thread groups of reduce.cuh. Reductions follow each other closely here;
// ThreadSanitizer verifies that the second one waits for all readers of the first.
#include <host_cuda.hpp>

#include "../../cuda/ops/reduce.cuh"
#include "cuda/device_matrix.hpp"

using namespace rondo;
using namespace rondo_test;
using host_cuda::Order;

namespace {

/// In each of `rounds` rounds, a sum over each group of a value that differs for every thread.
template <class ThreadGroup>
__global__ void sums_kernel(Index groups, Index rounds, double* sums) {
  for (Index group = ThreadGroup::index(); group < groups; group += ThreadGroup::count())
    for (Index round = 0; round < rounds; ++round) {
      const double share = static_cast<double>((group + 1) * (round + 1) * (ThreadGroup::rank() + 1));
      const double sum = ThreadGroup::reduce(share, cuda::Add{});
      if (ThreadGroup::rank() == ThreadGroup::size() - 1) sums[group * rounds + round] = sum;  // every thread has it
    }
}

template <class ThreadGroup>
void check_group(Index size) {
  constexpr Index kGroups = 21, kRounds = 5;
  for (Order order : {Order::ascending, Order::descending, Order::shuffled(1)}) {
    host_cuda::set_order(order);
    DeviceMatrix<double> sums(kRounds, kGroups);
    cuda::launch("sums", sums_kernel<ThreadGroup>, {.blocks = 2, .threads = cuda::kThreads}, kGroups, kRounds,
                 sums.view().data);
    const auto got = sums.get();
    host_cuda::set_order(Order::ascending);
    for (Index group = 0; group < kGroups; ++group)
      for (Index round = 0; round < kRounds; ++round)
        CHECK(got(round, group) == static_cast<double>((group + 1) * (round + 1) * size * (size + 1) / 2));
  }
}

}  // namespace

TEST_CASE("CUDA: every thread of a warp gets its sum in every round") { check_group<cuda::Warp>(32); }
TEST_CASE("CUDA: every thread of a block gets its sum in every round") { check_group<cuda::Block>(cuda::kThreads); }
