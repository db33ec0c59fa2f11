// SPDX-License-Identifier: MIT
// The executor: a grid of blocks of CUDA threads, run as fibres on one OS thread, always in the same order. A thread
// runs until it ends or waits at a barrier. Blocks run sequentially; those of a cluster, or of a cooperative grid, run
// concurrently. The order, undefined on a GPU, is selected here (`Order`); a deadlock, which would hang a GPU, is
// reported
// (`KernelError`).
//
// To ThreadSanitizer each CUDA thread is a thread, ordered only by its barriers: a build with -fsanitize=thread reports
// races in shared memory and, within a block, a cluster or a cooperative grid, in device memory. Blocks that run
// sequentially are ordered for it, as they share static shared memory here; their races become visible by comparing
// orders.
#pragma once

#include "vector_types.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>

namespace host_cuda {

/// The order in which threads, blocks and clusters first run; at a barrier they queue in order of arrival. A kernel is
/// correct only if its results are the same in every order.
struct Order {
  static const Order ascending, descending;
  static constexpr Order shuffled(std::uint64_t seed) { return {Kind::shuffled, seed}; }

  enum class Kind { ascending, descending, shuffled };
  Kind kind;
  std::uint64_t seed;
};
inline constexpr Order Order::ascending{Kind::ascending, 0};
inline constexpr Order Order::descending{Kind::descending, 0};

/// For all kernels that run from now on.
void set_order(Order order);

/// At places that kernels name (device::jitter), blocks are delayed for a random time, from the next kernel on; 0: not.
void set_delays(std::uint64_t seed);

/// A kernel that cannot continue: a barrier with a missing thread, a collective without all lanes, an exception.
struct KernelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Grid {
  dim3 blocks, threads;      // per grid; per block
  dim3 cluster;              // blocks per cluster; divides `blocks`
  bool cooperative = false;  // all blocks run concurrently
  std::size_t shared_bytes = 0;
};

/// Calls `kernel` once for every thread of the grid. Throws KernelError; all threads have left the kernel before that.
void run_grid(const Grid& grid, const std::function<void()>& kernel);

// ---- state of the running CUDA thread -------------------------------------------------------------------------------

struct ThreadContext {
  uint3 thread{}, block{};
  dim3 block_dim{}, grid_dim{};
  unsigned lane = 0;
  void* shared = nullptr;  // the block's dynamic shared memory
  unsigned cluster_rank = 0, cluster_blocks = 1;
};
extern ThreadContext here;

void sync_block();
void sync_warp(unsigned mask);
void sync_cluster();
void arrive_cluster();
void wait_cluster();
void arrive_grid();
void wait_grid();

/// See Executor.
void poll(const char* what);
void progress();
void delay();

/// A barrier that counts the bytes of asynchronous stores, in the shared memory of a block. The parity of the current
/// phase also selects the clock of ThreadSanitizer.
void initialise_transactions(void* barrier);
void expect_transactions(void* barrier, int bytes);
void complete_transactions(void* barrier, int bytes);
void wait_for_transactions(void* barrier, unsigned parity);

/// Registers of one lane, enough for any warp collective.
using Registers = std::array<std::uint32_t, 6>;

/// Every lane of the warp publishes its registers and reads those of all. Like a shuffle it does not order memory. The
/// reference is valid until the lane's next collective.
const std::array<Registers, 32>& exchange(const char* collective, unsigned mask, const Registers& mine);

/// Lanes of this warp: 32, or fewer in the last warp of a block.
unsigned lanes();

/// The address in the shared memory of the cluster's block `rank` that corresponds to `mine` (of `bytes`) in this
/// block's.
void* peer_address(void* mine, std::size_t bytes, unsigned rank);

[[noreturn]] void fail(const char* what);

}  // namespace host_cuda
