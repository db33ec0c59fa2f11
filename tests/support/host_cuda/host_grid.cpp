// SPDX-License-Identifier: MIT
// The functions that kernels call: the barrier that each uses, and checks of invalid use.
#include "host_grid.hpp"

#include "executor.hpp"

#include <cstring>

namespace host_cuda {

void set_order(Order order) { executor.order = order; }
void run_grid(const Grid& grid, const std::function<void()>& kernel) { executor.run(grid, kernel); }
void fail(const char* what) { throw KernelError(what); }

void set_delays(std::uint64_t seed) {
  executor.delays.reset();
  if (seed > 0) executor.delays = seed;
}
void poll(const char* what) { executor.poll(what); }
void progress() { executor.progress(); }
void delay() { executor.delay(); }

void sync_block() { executor.synchronise(executor.self().block->barrier); }
void sync_cluster() { executor.synchronise(executor.self().block->cluster->barrier); }

namespace {

void arrive(Barrier& barrier, Thread::Arrival& mine, const char* twice) {
  if (mine.valid) fail(twice);
  mine = {barrier.arrive(executor.ready(), true), true};
}

void wait(Barrier& barrier, Thread::Arrival& mine, const char* not_arrived) {
  if (!mine.valid) fail(not_arrived);
  mine.valid = false;
  executor.wait(barrier, mine.ticket);
}

}  // namespace

void arrive_cluster() {
  Thread& thread = executor.self();
  arrive(thread.block->cluster->barrier, thread.at_cluster, "a second cluster_arrive() before cluster_wait()");
}

void wait_cluster() {
  Thread& thread = executor.self();
  wait(thread.block->cluster->barrier, thread.at_cluster, "cluster_wait() without cluster_arrive()");
}

void arrive_grid() {
  if (!executor.grid().cooperative) fail("grid_arrive() in a launch that is not cooperative");
  sync_block();  // the GPU's version arrives once per block
  arrive(executor.grid_barrier(), executor.self().at_grid, "a second grid_arrive() before grid_wait()");
}

void wait_grid() { wait(executor.grid_barrier(), executor.self().at_grid, "grid_wait() without grid_arrive()"); }

namespace {

Warp& check_collective(const char* collective, unsigned mask) {
  Warp& warp = *executor.self().warp;
  if (mask != 0xffffffffu) fail("a warp collective without all lanes");
  if (warp.barrier.arrived > 0 && std::strcmp(warp.barrier.name, collective) != 0)
    throw KernelError(concat(collective, " while other lanes of the warp are at ", warp.barrier.name));
  warp.barrier.name = collective;
  return warp;
}

}  // namespace

void sync_warp(unsigned mask) { executor.synchronise(check_collective("__syncwarp()", mask).barrier); }

const std::array<Registers, 32>& exchange(const char* collective, unsigned mask, const Registers& mine) {
  Warp& warp = check_collective(collective, mask);
  auto& published = warp.published[warp.barrier.round % 2];
  published[here.lane] = mine;
  executor.synchronise(warp.barrier, false);
  return published;
}

unsigned lanes() { return executor.self().warp->lanes; }

namespace {

/// What the 64 bits of a barrier object hold. The phase ends when `expected` is known and no bytes are left.
struct Transactions {
  std::int32_t left;  // bytes; negative if they came before `expected`
  std::uint8_t parity, expected;
  char clocks[2];
};
static_assert(sizeof(Transactions) == 8);

void end_phase(Transactions& barrier) {
  executor.progress();
  if (!barrier.expected || barrier.left != 0) return;
  barrier.expected = 0;
  barrier.parity ^= 1;
}

}  // namespace

void initialise_transactions(void* barrier) { *static_cast<Transactions*>(barrier) = {}; }

void expect_transactions(void* barrier, int bytes) {
  auto& transactions = *static_cast<Transactions*>(barrier);
  if (transactions.expected) fail("a second expect() in a phase");
  release(&transactions.clocks[transactions.parity]);
  transactions.left += bytes;
  transactions.expected = 1;
  end_phase(transactions);
}

void complete_transactions(void* barrier, int bytes) {
  auto& transactions = *static_cast<Transactions*>(barrier);
  release(&transactions.clocks[transactions.parity]);
  transactions.left -= bytes;
  end_phase(transactions);
}

void wait_for_transactions(void* barrier, unsigned parity) {
  auto& transactions = *static_cast<Transactions*>(barrier);
  while (transactions.parity == parity) executor.poll("the bytes of asynchronous stores");
  acquire(&transactions.clocks[parity]);
}

void* peer_address(void* mine, std::size_t bytes, unsigned rank) {
  const Block& block = *executor.self().block;
  const auto offset = static_cast<std::size_t>(static_cast<unsigned char*>(mine) - block.shared);
  if (rank >= here.cluster_blocks) fail("store_peer(): no block of this rank in the cluster");
  if (offset > executor.grid().shared_bytes || bytes > executor.grid().shared_bytes - offset)
    fail("store_peer(): the address is not in this block's dynamic shared memory");
  const Block& peer = block.cluster->blocks[rank];
  if (peer.running == 0) fail("store_peer(): the block has finished and its shared memory is freed");
  return peer.shared + offset;
}

}  // namespace host_cuda
