// SPDX-License-Identifier: MIT
// On the host executor alone: the teams by themselves. Reductions follow each other closely here; that the second waits
// for all who still read the first, ThreadSanitizer sees.
#include <host_cuda.hpp>

#include "../../cuda/ops/reduce.cuh"
#include "cuda/device_matrix.hpp"

using namespace rondo;
using namespace rondo_test;
using host_cuda::Order;

namespace {

/// For each of `rounds` turns, a sum over each team of something that every thread has another share of.
template <class Team>
__global__ void sums_kernel(Index teams, Index rounds, double* sums) {
  for (Index team = Team::index(); team < teams; team += Team::count())
    for (Index round = 0; round < rounds; ++round) {
      const double share = static_cast<double>((team + 1) * (round + 1) * (Team::rank() + 1));
      const double sum = Team::reduce(share, cuda::Add{});
      if (Team::rank() == Team::size() - 1) sums[team * rounds + round] = sum;  // not only the first thread has it
    }
}

template <class Team>
void check_team(Index size) {
  constexpr Index kTeams = 21, kRounds = 5;
  for (Order order : {Order::ascending, Order::descending, Order::shuffled(1)}) {
    host_cuda::set_order(order);
    DeviceMatrix<double> sums(kRounds, kTeams);
    cuda::launch("sums", sums_kernel<Team>, {.blocks = 2, .threads = cuda::kThreads}, kTeams, kRounds,
                 sums.view().data);
    const auto got = sums.get();
    host_cuda::set_order(Order::ascending);
    for (Index team = 0; team < kTeams; ++team)
      for (Index round = 0; round < kRounds; ++round)
        CHECK(got(round, team) == static_cast<double>((team + 1) * (round + 1) * size * (size + 1) / 2));
  }
}

}  // namespace

TEST_CASE("CUDA: every thread of a warp gets its sum, turn by turn") { check_team<cuda::Warp>(32); }
TEST_CASE("CUDA: every thread of a block gets its sum, turn by turn") { check_team<cuda::Block>(cuda::kThreads); }
