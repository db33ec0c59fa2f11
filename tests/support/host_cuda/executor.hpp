// SPDX-License-Identifier: MIT
// The executor behind host_grid.hpp: it creates the CUDA threads of a group of blocks that run concurrently, and
// switches the OS thread between them until all have finished or none can continue.
#pragma once

#include "grid_threads.hpp"

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace host_cuda {

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

class Executor {
 public:
  Order order = Order::ascending;

  void run(const Grid& grid, const std::function<void()>& kernel);
  void fibre_body();

  void synchronise(Barrier& barrier, bool orders_memory = true) {
    wait(barrier, barrier.arrive(ready_, orders_memory), orders_memory);
  }
  void wait(Barrier& barrier, unsigned ticket, bool orders_memory = true);

  /// The running thread found that what it waits for has not happened: others run first. If all others wait or poll
  /// too, and none has done anything since it last polled, that is a deadlock.
  void poll(const char* what);
  /// The running thread did something for which another one may poll.
  void progress() { ++progress_; }
  /// With `delays`, the running thread's block may have to wait for a random number of switches between threads.
  void delay();
  std::optional<std::uint64_t> delays;  // the state of the random numbers

  Thread& self() { return *running_; }
  Queue& ready() { return ready_; }
  Barrier& grid_barrier() { return grid_barrier_; }
  const Grid& grid() const { return *grid_; }

 private:
  void open_group(std::size_t first_cluster, std::size_t clusters);
  void open_block(Block& block, std::size_t cluster, unsigned rank);
  void run_group();
  void close_group();
  void yield_to_next();
  Fibre& idle_fibre();
  void add_fibre();
  std::string describe_deadlock() const;

  const Grid* grid_ = nullptr;
  const std::function<void()>* kernel_ = nullptr;
  std::optional<std::string> failure_;

  // The group: blocks that run concurrently.
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<Block> blocks_;
  std::vector<Cluster> clusters_;
  Barrier grid_barrier_;
  // ThreadSanitizer's clocks, from the host to the group and back: a single one would order the threads of the group.
  char begin_clock_ = 0, end_clock_ = 0;

  Thread* next_ready();

  Thread* running_ = nullptr;
  Queue ready_, polling_;
  std::uint64_t switches_ = 0, progress_ = 0, progress_before_polls_ = 0;
  std::size_t unfinished_ = 0;

  Fibre* main_ = nullptr;  // the caller of run
  Fibre* current_ = nullptr;
  std::vector<std::unique_ptr<Fibre>> fibres_;
  std::vector<Fibre*> idle_, resting_;  // resting: idle once the group has ended
};

extern Executor executor;

}  // namespace host_cuda
