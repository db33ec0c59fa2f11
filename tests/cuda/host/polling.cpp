// SPDX-License-Identifier: MIT
// Words that are polled, asynchronous stores and the barriers that count them, random delays.
#include "fixture.hpp"

#include <rondo_ptx.cuh>

#include <cstdint>

using namespace host_cuda_test;
namespace device = rondo::cuda::device;

namespace {

// Every thread adds one to the word that the thread before it has written, as soon as it has.
__global__ void relay(std::uint32_t* words) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  const auto* from = reinterpret_cast<const uint4*>(words + 4 * i);
  uint4 read = device::load_relaxed(from);
  for (device::Polls polls("the word before"); read.w == 0;) {
    polls.wait();
    device::jitter();
    read = device::load_relaxed(from);
  }
  device::store_relaxed(words + 4 * (i + 1) + 3, read.w + 1);
}

TEST_CASE("threads of concurrent blocks poll for each other's words, in any order and with any delays") {
  const Fresh fresh;
  constexpr unsigned count = 6 * 40;
  for (std::uint64_t seed : {0, 1, 2})
    for (const Order order : kOrders) {
      host_cuda::set_order(order);
      host_cuda::set_delays(seed);
      std::vector<std::uint32_t> words(4 * (count + 1));
      words[3] = 1;
      const DeviceVector<std::uint32_t> on_device(words);
      REQUIRE_CUDA(launch({.blocks = 6, .threads = 40, .cooperative = true}, relay, on_device.data()));
      host_cuda::set_delays(0);
      CHECK(on_device.host()[4 * count + 3] == count + 1);
    }
}

TEST_CASE("polling for a word that nobody writes is a deadlock") {
  const Fresh fresh;
  const DeviceVector<std::uint32_t> words(std::vector<std::uint32_t>(4 * 7));
  expect(failure_of(launch({.blocks = 2, .threads = 3, .cooperative = true}, relay, words.data())),
         "thread (0, 0, 0) of block (0, 0, 0) polls for the word before, which no other thread writes");
}

struct alignas(16) Pair {
  std::uint64_t low, high;
};

// Each thread sends a pair to the next block of its cluster in each round, to one of two buffers by the parity of the
// round. A block polls for a word of the block before it, so that it can be at most one round ahead. kBytes: those
// of a pair, as the barriers are told.
template <int kBytes>
__global__ void send_round(std::uint64_t* sums, std::uint32_t* rounds, int steps) {
  auto* barriers = device::shared_memory<device::TransactionBarrier>();
  auto* pairs = reinterpret_cast<Pair*>(barriers + 2);
  const unsigned rank = device::cluster_rank(), next = (rank + 1) % device::cluster_blocks();
  if (threadIdx.x == 0) device::initialise(barriers), device::initialise(barriers + 1);
  device::cluster_barrier();
  std::uint64_t sum = 0;
  for (int step = 0; step < steps; ++step) {
    const int parity = step % 2;
    if (threadIdx.x == 0) device::expect(barriers + parity, kBytes * static_cast<int>(blockDim.x));
    device::jitter();
    device::store_async(pairs + parity * static_cast<int>(blockDim.x) + threadIdx.x, next,
                        Pair{rank, static_cast<std::uint64_t>(step)}, barriers + parity);
    device::wait(barriers + parity, static_cast<unsigned>(step / 2 % 2));
    const Pair pair = pairs[parity * static_cast<int>(blockDim.x) + (threadIdx.x + 1) % blockDim.x];
    sum += 100 * pair.low + pair.high;
    __syncthreads();
    if (threadIdx.x == 0) device::store_relaxed(rounds + 4 * rank, static_cast<std::uint32_t>(step) + 1);
    uint4 done{};
    for (device::Polls polls("a round"); done.x <= static_cast<std::uint32_t>(step);) {
      polls.wait();
      done = device::load_relaxed(reinterpret_cast<const uint4*>(rounds + 4 * next));
    }
  }
  sums[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

constexpr Shape kRound{.blocks = 4, .threads = 33, .shared = 16 + 2 * 33 * sizeof(Pair), .cluster = 4};

TEST_CASE("asynchronous stores arrive before the barrier that counts them ends its phase") {
  const Fresh fresh;
  constexpr int steps = 7;
  for (std::uint64_t seed : {0, 1, 2})
    for (const Order order : kOrders) {
      host_cuda::set_order(order);
      host_cuda::set_delays(seed);
      const DeviceVector<std::uint64_t> sums(4 * 33);
      const DeviceVector<std::uint32_t> rounds(std::vector<std::uint32_t>(16));
      REQUIRE_CUDA(launch(kRound, send_round<sizeof(Pair)>, sums.data(), rounds.data(), steps));
      host_cuda::set_delays(0);
      const auto got = sums.host();
      for (unsigned i = 0; i < 4 * 33; ++i) CHECK(got[i] == 100 * ((i / 33 + 3) % 4) * steps + steps * (steps - 1) / 2);
    }
}

__global__ void expect_twice() {
  auto* barrier = device::shared_memory<device::TransactionBarrier>();
  device::initialise(barrier);
  device::expect(barrier, 16);
  device::expect(barrier, 16);
}

TEST_CASE("a barrier whose bytes do not arrive is a deadlock; two expectations in a phase are an error") {
  const Fresh fresh;
  const DeviceVector<std::uint64_t> sums(4 * 33);
  const DeviceVector<std::uint32_t> rounds(std::vector<std::uint32_t>(16));
  expect(failure_of(launch(kRound, send_round<sizeof(Pair) + 4>, sums.data(), rounds.data(), 1)),
         "polls for the bytes of asynchronous stores");
  expect(failure_of(launch({1, 1, 16}, expect_twice)), "a second expect() in a phase");
}

}  // namespace
