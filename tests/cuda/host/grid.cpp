// SPDX-License-Identifier: MIT
// Threads, blocks, shared memory, barriers and shuffles of the host executor.
#include "fixture.hpp"

#include <rondo_ptx.cuh>
#include <sanitizers.hpp>

#include <algorithm>
#include <numeric>
#include <span>
#include <string>

using namespace host_cuda_test;
namespace device = rondo::cuda::device;

namespace {

// ---- indices --------------------------------------------------------------------------------------------------------

__global__ void note_visit(unsigned* visits, uint3* seen) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned i = block * blockDim.x * blockDim.y * blockDim.z + thread;
  ++visits[i];
  seen[i] = {blockIdx.x * 100 + threadIdx.x, blockIdx.y * 100 + threadIdx.y, blockIdx.z * 100 + threadIdx.z};
}

TEST_CASE("every thread of a grid runs once, in every order") {
  const Fresh fresh;
  const dim3 blocks(3, 2, 4), threads(5, 7, 3);
  const unsigned count = 24 * 105;
  for (const Order order : kOrders) {
    host_cuda::set_order(order);
    const DeviceVector<unsigned> visits(std::vector<unsigned>(count, 0));
    const DeviceVector<uint3> seen(count);
    REQUIRE_CUDA(launch({blocks, threads}, note_visit, visits.data(), seen.data()));
    CHECK(visits.host() == std::vector<unsigned>(count, 1));
    const auto where = seen.host();
    unsigned wrong = 0, i = 0;
    for (unsigned bz = 0; bz < 4; ++bz)
      for (unsigned by = 0; by < 2; ++by)
        for (unsigned bx = 0; bx < 3; ++bx)
          for (unsigned tz = 0; tz < 3; ++tz)
            for (unsigned ty = 0; ty < 7; ++ty)
              for (unsigned tx = 0; tx < 5; ++tx, ++i)
                wrong += where[i].x != bx * 100 + tx || where[i].y != by * 100 + ty || where[i].z != bz * 100 + tz;
    CHECK(wrong == 0);
  }
}

__global__ void note_turn(unsigned* turn, unsigned* turns) {
  turns[atomicAdd(turn, 1u)] = blockIdx.x * blockDim.x + threadIdx.x;
}

std::vector<unsigned> turns(Order order) {
  host_cuda::set_order(order);
  const DeviceVector<unsigned> turn(std::vector<unsigned>(1, 0)), turns(20);
  REQUIRE_CUDA(launch({4, 5}, note_turn, turn.data(), turns.data()));
  return turns.host();
}

TEST_CASE("each order is as named and reproducible") {
  const Fresh fresh;
  std::vector<unsigned> expected(20);
  std::iota(expected.begin(), expected.end(), 0u);
  CHECK(turns(Order::ascending) == expected);
  const auto shuffled = turns(Order::shuffled(7));
  CHECK(shuffled == turns(Order::shuffled(7)));
  CHECK(shuffled != turns(Order::shuffled(8)));
  CHECK(shuffled != expected);
  CHECK(std::is_permutation(shuffled.begin(), shuffled.end(), expected.begin()));
  std::reverse(expected.begin(), expected.end());
  CHECK(turns(Order::descending) == expected);
}

// ---- shared memory and barriers -------------------------------------------------------------------------------------

constexpr unsigned kBlock = 128;

__global__ void sum_blocks(const unsigned* x, unsigned* sums) {  // static shared memory
  __shared__ unsigned partial[kBlock];
  partial[threadIdx.x] = x[blockIdx.x * kBlock + threadIdx.x];
  for (unsigned half = kBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = partial[0];
}

// Reverses each block through dynamic shared memory; without its barrier a thread may read uninitialised memory.
template <bool kBarrier>
__global__ void reverse_blocks(float* x) {
  auto* shared = device::shared_memory<float>();
  float& mine = x[blockIdx.x * blockDim.x + threadIdx.x];
  shared[threadIdx.x] = mine;
  if constexpr (kBarrier) __syncthreads();
  mine = shared[blockDim.x - 1 - threadIdx.x];
}

std::vector<float> ramp(std::size_t count) {
  std::vector<float> x(count);
  std::iota(x.begin(), x.end(), 1.0f);
  return x;
}

TEST_CASE("static shared memory and __syncthreads reduce a block") {
  const Fresh fresh;
  std::vector<unsigned> x(6 * kBlock);
  std::iota(x.begin(), x.end(), 3u);
  for (const Order order : kOrders) {
    host_cuda::set_order(order);
    const DeviceVector<unsigned> input(x), sums(6);
    REQUIRE_CUDA(launch({6, kBlock}, sum_blocks, input.data(), sums.data()));
    const auto got = sums.host();
    for (std::size_t b = 0; b < 6; ++b) {
      const auto block = std::span(x).subspan(b * kBlock, kBlock);
      CHECK(got[b] == std::accumulate(block.begin(), block.end(), 0u));
    }
  }
}

TEST_CASE("writes to dynamic shared memory are visible after a barrier in every order") {
  const Fresh fresh;
  auto expected = ramp(3 * 96);
  for (int b = 0; b < 3; ++b) std::reverse(expected.begin() + b * 96, expected.begin() + (b + 1) * 96);
  for (const Order order : kOrders) {
    host_cuda::set_order(order);
    const DeviceVector<float> x(ramp(3 * 96));
    REQUIRE_CUDA(launch({3, 96, 96 * sizeof(float)}, reverse_blocks<true>, x.data()));
    CHECK(x.host() == expected);
  }
}

std::ptrdiff_t nans_without_barrier() {
  const DeviceVector<float> x(ramp(96));
  REQUIRE_CUDA(launch({1, 96, 96 * sizeof(float)}, reverse_blocks<false>, x.data()));
  const auto got = x.host();
  return std::count_if(got.begin(), got.end(), [](float v) { return std::isnan(v); });
}

TEST_CASE("a missing barrier results in NaN, with which shared memory is filled") {
  const Fresh fresh;
  if (host_cuda::thread_sanitizer()) return;  // it reports the race: races.cpp
  CHECK(nans_without_barrier() == 48);
}

__global__ void shared_address(std::uintptr_t* address) {
  if (threadIdx.x == 0) address[blockIdx.x] = reinterpret_cast<std::uintptr_t>(device::shared_memory<char>());
}

TEST_CASE("dynamic shared memory is aligned to 128 bytes") {
  const Fresh fresh;
  const DeviceVector<std::uintptr_t> addresses(4);
  REQUIRE_CUDA(launch({4, 2, 40}, shared_address, addresses.data()));
  for (const auto address : addresses.host()) CHECK((address != 0 && address % 128 == 0));
}

// ---- warps ----------------------------------------------------------------------------------------------------------

__global__ void shuffle_all(double* x, unsigned* y) {  // x: 8 bytes, y: 4 bytes, one for each lane
  const double before = x[threadIdx.x];
  const unsigned mask = 0xffffffff;
  x[threadIdx.x] = __shfl_xor_sync(mask, before, 5) + 1000 * __shfl_down_sync(mask, before, 3);
  y[threadIdx.x] = __shfl_sync(mask, threadIdx.x, 9) + 100 * __shfl_up_sync(mask, threadIdx.x, 4, 8) +
                   10000 * __shfl_xor_sync(mask, threadIdx.x, 20, 16);
}

TEST_CASE("shuffles read the lanes that CUDA defines") {
  const Fresh fresh;
  std::vector<double> x(64);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i * i) + 0.25;
  for (const Order order : kOrders) {
    host_cuda::set_order(order);
    const DeviceVector<double> device_x(x);
    const DeviceVector<unsigned> device_y(64);
    REQUIRE_CUDA(launch({1, 64}, shuffle_all, device_x.data(), device_y.data()));
    const auto got_x = device_x.host();
    const auto got_y = device_y.host();
    for (unsigned i = 0; i < 64; ++i) {
      const unsigned warp = i / 32 * 32, lane = i % 32;
      CHECK(got_x[i] == x[warp + (lane ^ 5)] + 1000 * x[warp + (lane + 3 < 32 ? lane + 3 : lane)]);
      CHECK(got_y[i] == warp + 9 + 100 * (lane % 8 >= 4 ? i - 4 : i) + 10000 * (lane < 16 ? i : warp + (lane ^ 20)));
    }
  }
}

__global__ void warp_sums(const float* x, float* sums) {
  float sum = x[blockIdx.x * blockDim.x + threadIdx.x];
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffff, sum, lanes);
  auto* shared = device::shared_memory<float>();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = sum;
  __syncwarp();
  __syncthreads();
  if (threadIdx.x == 0) {
    float total = 0;
    for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) total += shared[warp];
    sums[blockIdx.x] = total;
  }
}

TEST_CASE("a warp sums by butterfly shuffles, a block by its warps") {
  const Fresh fresh;
  for (const Order order : kOrders) {
    host_cuda::set_order(order);
    const DeviceVector<float> x(ramp(2 * 256)), sums(2);
    REQUIRE_CUDA(launch({2, 256, 8 * sizeof(float)}, warp_sums, x.data(), sums.data()));
    CHECK(sums.host() == std::vector<float>{256 * 257 / 2, 256 * 257 / 2 + 256 * 256});
  }
}

// ---- deadlocks and undefined behaviour ------------------------------------------------------------------------------

__global__ void some_leave() {
  if (threadIdx.x == 5) return;
  __syncthreads();
}
__global__ void half_a_warp() {
  if (threadIdx.x < 16) __shfl_xor_sync(0xffffffff, 1.0f, 1);
}
__global__ void two_collectives() {
  if (threadIdx.x < 16)
    __syncwarp();
  else
    __shfl_sync(0xffffffff, 1, 0);
}
__global__ void two_barriers() {
  if (threadIdx.x == 40)
    __syncwarp();
  else
    __syncthreads();
}
__global__ void missing_lane() { __shfl_xor_sync(0xffffffff, threadIdx.x, 16); }

struct Counter {
  int* count;
  ~Counter() { atomicAdd(count, 1); }
};
__global__ void destroys(int* count) {
  const Counter counter{count};
  if (threadIdx.x < 7) {
    __syncthreads();
    atomicAdd(count, 1000);  // never reached
  }
}

TEST_CASE("a deadlock is reported with the barrier, the block and the missing thread") {
  const Fresh fresh;
  expect(
      failure_of(launch({2, 64}, some_leave)),
      "__syncthreads() in block (0, 0, 0): 63 of 64 threads arrived; thread (5, 0, 0) of block (0, 0, 0) has finished");
  expect(failure_of(launch({1, 32}, half_a_warp)), "__shfl_xor_sync() in block (0, 0, 0): 16 of 32 threads");
  expect(failure_of(launch({1, 32}, two_collectives)), "while other lanes of the warp are at");
  expect(failure_of(launch({1, 64}, two_barriers)),
         "63 of 64 threads arrived; thread (40, 0, 0) of block (0, 0, 0) waits at __syncwarp()");
  expect(failure_of(launch({1, 40}, missing_lane)), "a lane outside the warp");
}

TEST_CASE("after a deadlock all threads leave the kernel and run destructors") {
  const Fresh fresh;
  const DeviceVector<int> count(std::vector<int>(1, 0));
  failure_of(launch({1, 50}, destroys, count.data()));
  CHECK(count.host()[0] == 50);
}

__global__ void throws() {
  if (threadIdx.x == 3) throw std::runtime_error("three");
  __syncthreads();
}

TEST_CASE("an exception in a kernel is reported by the call that waits") {
  const Fresh fresh;
  expect(failure_of(launch({4, 64}, throws)), "thread (3, 0, 0) of block (0, 0, 0): three");
}

}  // namespace
