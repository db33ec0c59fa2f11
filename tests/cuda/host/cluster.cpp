// SPDX-License-Identifier: MIT
// Blocks that run concurrently: the barrier of a cooperative grid, clusters, distributed shared memory.
#include "fixture.hpp"

#include <rondo_ptx.cuh>

#include <cstdint>

using namespace host_cuda_test;
namespace device = rondo::cuda::device;

namespace {

// Values diffuse across block boundaries: in each step every element becomes the sum of its neighbours, alternating
// between two buffers, with only the grid's barrier between steps.
__global__ void diffuse(std::uint64_t* from, std::uint64_t* to, unsigned* arrived, int steps) {
  const unsigned count = gridDim.x * blockDim.x, i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned round = 0;
  for (int step = 0; step < steps; ++step) {
    device::store_l2(&to[i], device::load_l2(&from[(i + 1) % count]) + device::load_l2(&from[(i + count - 1) % count]));
    device::grid_arrive(arrived, round);
    device::grid_wait(arrived, gridDim.x, round);
    std::uint64_t* const other = from;
    from = to;
    to = other;
  }
}

TEST_CASE("the barrier of a cooperative grid orders every step") {
  const Fresh fresh;
  constexpr unsigned count = 6 * 40;
  constexpr int steps = 21;  // odd: the result is in the second buffer
  std::vector<std::uint64_t> expected(count);
  for (unsigned i = 0; i < count; ++i) expected[i] = i * i;
  const std::vector<std::uint64_t> start = expected;
  for (int step = 0; step < steps; ++step) {
    const auto before = expected;
    for (unsigned i = 0; i < count; ++i) expected[i] = before[(i + 1) % count] + before[(i + count - 1) % count];
  }
  for (const Order order : kOrders) {
    host_cuda::set_order(order);
    const DeviceVector<std::uint64_t> from(start), to(count);
    const DeviceVector<unsigned> arrived(std::vector<unsigned>(1, 0));
    REQUIRE_CUDA(launch({.blocks = 6, .threads = 40, .cooperative = true}, diffuse, from.data(), to.data(),
                        arrived.data(), steps));
    CHECK(to.host() == expected);
  }
}

__global__ void sync_grid(unsigned* arrived) {
  unsigned round = 0;
  if (blockIdx.x != 1) {
    device::grid_arrive(arrived, round);
    device::grid_wait(arrived, gridDim.x, round);
  }
}

TEST_CASE("a grid barrier with a missing block or without a cooperative launch is an error") {
  const Fresh fresh;
  const DeviceVector<unsigned> arrived(1);
  expect(failure_of(launch({.blocks = 3, .threads = 4, .cooperative = true}, sync_grid, arrived.data())),
         "the grid's barrier in block (0, 0, 0): 8 of 12 threads arrived; thread (0, 0, 0) of block (1, 0, 0) has "
         "finished");
  expect(failure_of(launch({3, 4}, sync_grid, arrived.data())), "not cooperative");
}

// ---- clusters -------------------------------------------------------------------------------------------------------

__global__ void note_ranks(unsigned* ranks) {
  ranks[blockIdx.x + gridDim.x * blockIdx.y] = 10 * device::cluster_blocks() + device::cluster_rank();
}

TEST_CASE("blocks have their rank in the cluster") {
  const Fresh fresh;
  const DeviceVector<unsigned> ranks(12);
  REQUIRE_CUDA(launch({.blocks = dim3(6, 2), .threads = 1, .cluster = 3}, note_ranks, ranks.data()));
  CHECK(ranks.host() == std::vector<unsigned>{30, 31, 32, 30, 31, 32, 30, 31, 32, 30, 31, 32});
  REQUIRE_CUDA(launch({.blocks = dim3(6, 2), .threads = 1}, note_ranks, ranks.data()));
  CHECK(ranks.host() == std::vector<unsigned>(12, 10));
}

__global__ void note_ranks_3d(unsigned* ranks) {
  ranks[blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z)] = device::cluster_rank();
}

TEST_CASE("a cluster may be three-dimensional") {
  const Fresh fresh;
  const DeviceVector<unsigned> ranks(16);
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = attribute.val.clusterDim.y = attribute.val.clusterDim.z = 2;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(4, 2, 2);
  config.blockDim = dim3(1);
  config.attrs = &attribute;
  config.numAttrs = 1;
  REQUIRE_CUDA(cudaLaunchKernelEx(&config, note_ranks_3d, ranks.data()));
  CHECK(ranks.host() == std::vector<unsigned>{0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7});
}

// Each block sends its values to the next one of its cluster, alternating between two halves of shared memory;
// `kSplit`: with the barrier split into arrive and wait.
template <bool kSplit>
__global__ void pass_round(const float* x, float* y, int steps) {
  auto* shared = device::shared_memory<float>();  // 2 x threads
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x,
                 next = (device::cluster_rank() + 1) % device::cluster_blocks();
  float mine = x[i];
  const auto sync = [] {
    if constexpr (kSplit)
      device::cluster_arrive(), device::cluster_wait();
    else
      device::cluster_barrier();
  };
  sync();  // no block may be written to before it has started
  for (int step = 0; step < steps; ++step) {
    float* const slot = shared + static_cast<unsigned>(step % 2) * blockDim.x + threadIdx.x;
    device::store_peer(slot, next, mine);
    sync();
    mine = *slot + 1;
  }
  y[i] = mine;
}

TEST_CASE("the blocks of a cluster write to each other's shared memory between barriers") {
  const Fresh fresh;
  constexpr unsigned threads = 33, ranks = 4, steps = 7;
  std::vector<float> x(2 * ranks * threads), expected(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  for (unsigned c = 0; c < 2; ++c)
    for (unsigned r = 0; r < ranks; ++r)
      for (unsigned t = 0; t < threads; ++t)
        expected[(c * ranks + (r + steps) % ranks) * threads + t] = x[(c * ranks + r) * threads + t] + steps;
  for (const Order order : kOrders) {
    host_cuda::set_order(order);
    for (auto* kernel : {pass_round<false>, pass_round<true>}) {
      const DeviceVector<float> input(x), output(x.size());
      REQUIRE_CUDA(launch({2 * ranks, threads, 2 * threads * sizeof(float), ranks}, kernel, input.data(), output.data(),
                          static_cast<int>(steps)));
      CHECK(output.host() == expected);
    }
  }
}

__global__ void store_outside() { device::store_peer(device::shared_memory<float>() + 4, 1, 0.0f); }
__global__ void store_to_missing_block() { device::store_peer(device::shared_memory<float>(), 2, 0.0f); }
__global__ void store_too_late() {
  if (device::cluster_rank() == 1) device::store_peer(device::shared_memory<float>(), 0, 0.0f);
}
__global__ void wait_alone() { device::cluster_wait(); }
__global__ void arrive_twice() {
  device::cluster_arrive();
  device::cluster_arrive();
}
__global__ void leave_cluster() {
  if (device::cluster_rank() == 0) device::cluster_barrier();
}

TEST_CASE("misuse of a cluster is reported") {
  const Fresh fresh;
  const Shape two{.blocks = 2, .threads = 1, .shared = 16, .cluster = 2};
  expect(failure_of(launch(two, store_outside)), "not in this block's dynamic shared memory");
  expect(failure_of(launch(two, store_to_missing_block)), "no block of this rank");
  expect(failure_of(launch(two, store_too_late)), "has finished");
  expect(failure_of(launch(two, wait_alone)), "without cluster_arrive()");
  expect(failure_of(launch(two, arrive_twice)), "a second cluster_arrive()");
  expect(failure_of(launch(two, leave_cluster)), "the cluster's barrier in block (0, 0, 0): 1 of 2 threads");
}

}  // namespace
