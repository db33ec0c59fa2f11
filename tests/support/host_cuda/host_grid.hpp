// SPDX-License-Identifier: MIT
// The executor: a grid of blocks of CUDA threads, run as fibres on one OS thread, always in the same order. A thread
// runs until it ends or waits at a barrier. Blocks run one after the other; those of a cluster, or of a cooperative
// grid, are alive together. What a GPU would leave to chance is chosen here (`Order`), what it would hang on is told
// (`KernelError`).
//
// To ThreadSanitizer each CUDA thread is a thread, ordered only by the barriers that it passes: a build with
// -fsanitize=thread reports races in shared memory and, within a block, a cluster or a cooperative grid, in device
// memory. Blocks that run one after the other are ordered for it, as their static shared memory is one place here; what
// they do to each other shows by comparing orders.
#pragma once

#include "vector_types.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>

namespace host_cuda {

/// In which order threads, blocks and clusters get their first turn; at a barrier they queue as they came. A kernel is
/// right only if it gives the same numbers in every order.
struct Order {
  static const Order ascending, descending;
  static constexpr Order shuffled(std::uint64_t seed) { return {Kind::shuffled, seed}; }

  enum class Kind { ascending, descending, shuffled };
  Kind kind;
  std::uint64_t seed;
};
inline constexpr Order Order::ascending{Kind::ascending, 0};
inline constexpr Order Order::descending{Kind::descending, 0};

/// For every kernel that runs from now on.
void set_order(Order order);

/// A kernel that can't go on: a barrier at which somebody is missing, a collective of half a warp, an exception.
struct KernelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Grid {
  dim3 blocks, threads;      // of the grid; of a block
  dim3 cluster;              // blocks of a cluster; divides `blocks`
  bool cooperative = false;  // all blocks alive together
  std::size_t shared_bytes = 0;
};

/// Calls `kernel` once for every thread of the grid. Throws KernelError; all threads have left the kernel by then.
void run_grid(const Grid& grid, const std::function<void()>& kernel);

// ---- what the running CUDA thread sees ------------------------------------------------------------------------------

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

/// Registers of one lane, as many as any warp collective takes.
using Registers = std::array<std::uint32_t, 6>;

/// Every lane of the warp shows its registers and sees those of all. Like a shuffle it orders no memory. The reference
/// holds until the lane's next collective.
const std::array<Registers, 32>& exchange(const char* collective, unsigned mask, const Registers& mine);

/// Lanes of this warp: 32, fewer in the last one of a block whose size is no multiple of that.
unsigned lanes();

/// The place in the shared memory of the cluster's block `rank` that corresponds to `mine` (of `bytes`) in ours.
void* peer_address(void* mine, std::size_t bytes, unsigned rank);

[[noreturn]] void fail(const char* what);

}  // namespace host_cuda
