// SPDX-License-Identifier: MIT
// Kernels with a missing barrier, or with an operation in its place that does not order memory. Run one by one under
// ThreadSanitizer (CMakeLists.txt): each must be reported. The same kernels with the barrier are in grid.cpp and
// cluster.cpp, and must not be reported.
#include "fixture.hpp"

#include <rondo_ptx.cuh>

using namespace host_cuda_test;
namespace device = rondo::cuda::device;

namespace {

__global__ void neighbour_in_block(float* x) {
  auto* shared = device::shared_memory<float>();
  shared[threadIdx.x] = x[threadIdx.x];
  x[threadIdx.x] = shared[(threadIdx.x + 1) % blockDim.x];  // no __syncthreads()
}

TEST_CASE("a missing __syncthreads is a race", "[.][race-block]") {
  const DeviceVector<float> x(64);
  REQUIRE_CUDA(launch({1, 64, 64 * sizeof(float)}, neighbour_in_block, x.data()));
}

__global__ void overwrite_neighbour(float* x) {
  auto* shared = device::shared_memory<float>();
  shared[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  const float other = shared[(threadIdx.x + 1) % blockDim.x];
  shared[threadIdx.x] = other;  // another thread may not have read it yet
  __syncthreads();
  x[threadIdx.x] = shared[(threadIdx.x + 1) % blockDim.x];
}

TEST_CASE("a write after reads by other threads requires a barrier", "[.][race-overwrite]") {
  const DeviceVector<float> x(64);
  REQUIRE_CUDA(launch({1, 64, 64 * sizeof(float)}, overwrite_neighbour, x.data()));
}

__global__ void neighbour_in_warp(float* x) {
  auto* shared = device::shared_memory<float>();
  shared[threadIdx.x] = x[threadIdx.x];
  const float other =
      __shfl_xor_sync(0xffffffff, x[threadIdx.x], 1);  // all have written, but the writes may not be visible
  x[threadIdx.x] = other + shared[threadIdx.x ^ 1];
}

TEST_CASE("a shuffle does not order memory", "[.][race-warp]") {
  const DeviceVector<float> x(32);
  REQUIRE_CUDA(launch({1, 32, 32 * sizeof(float)}, neighbour_in_warp, x.data()));
}

__global__ void neighbour_in_grid(float* from, float* to, unsigned* arrived) {
  unsigned round = 0;
  for (int step = 0; step < 3; ++step) {
    device::store_l2(&to[blockIdx.x], device::load_l2(&from[(blockIdx.x + 1) % gridDim.x]) + 1);
    if (step != 1) {
      device::grid_arrive(arrived, round);
      device::grid_wait(arrived, gridDim.x, round);
    }  // one barrier is missing
    float* const other = from;
    from = to;
    to = other;
  }
}

TEST_CASE("a missing grid barrier is a race", "[.][race-grid]") {
  const DeviceVector<float> from(4), to(4);
  const DeviceVector<unsigned> arrived(1);
  REQUIRE_CUDA(launch({.blocks = 4, .threads = 1, .cooperative = true}, neighbour_in_grid, from.data(), to.data(),
                      arrived.data()));
}

__global__ void neighbour_in_cluster(float* x) {
  auto* shared = device::shared_memory<float>();
  device::cluster_arrive();
  device::cluster_wait();
  device::store_peer(shared, device::cluster_rank() ^ 1, x[blockIdx.x]);
  device::cluster_arrive();
  x[blockIdx.x] = *shared;  // before cluster_wait()
  device::cluster_wait();
}

TEST_CASE("arriving at a cluster barrier without waiting is a race", "[.][race-cluster]") {
  const DeviceVector<float> x(2);
  REQUIRE_CUDA(launch({2, 1, sizeof(float), 2}, neighbour_in_cluster, x.data()));
}

__global__ void read_before_transactions(float* x) {
  auto* barrier = device::shared_memory<device::TransactionBarrier>();
  auto* pair = reinterpret_cast<float2*>(barrier + 1);
  if (threadIdx.x == 0) device::initialise(barrier);
  device::cluster_barrier();
  if (threadIdx.x == 0) device::expect(barrier, sizeof *pair);
  if (device::cluster_rank() == 0) device::store_async(pair, 1, float2{1, 2}, barrier);
  x[blockIdx.x] = pair->x;  // before device::wait()
  if (device::cluster_rank() == 1) device::wait(barrier, 0);
}

TEST_CASE("reading what an asynchronous store writes without waiting is a race", "[.][race-async]") {
  const DeviceVector<float> x(2);
  REQUIRE_CUDA(launch({2, 1, 2 * sizeof(double), 2}, read_before_transactions, x.data()));
}

}  // namespace
