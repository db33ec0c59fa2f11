// SPDX-License-Identifier: MIT
#include "executor.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <numeric>

namespace host_cuda {

ThreadContext here;
Executor executor;

namespace {

constexpr unsigned kWarp = 32;
constexpr std::align_val_t kSharedAlignment{128};

struct Cancelled {};  // thrown through a kernel that must end because another thread failed

std::string text(uint3 v) { return concat('(', v.x, ", ", v.y, ", ", v.z, ')'); }
std::string text(const Thread& t) { return concat("thread ", text(t.index), " of block ", text(t.block->index)); }

std::uint64_t random(std::uint64_t& state) {  // SplitMix64: the same on every machine
  std::uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// 0 … count-1 in the given order; a shuffle advances its seed.
std::vector<std::uint32_t> sequence(Order& order, std::size_t count) {
  std::vector<std::uint32_t> places(count);
  std::iota(places.begin(), places.end(), 0u);
  if (order.kind == Order::Kind::descending) std::reverse(places.begin(), places.end());
  if (order.kind == Order::Kind::shuffled)  // Fisher-Yates
    for (std::size_t i = count; i > 1; --i) std::swap(places[i - 1], places[random(order.seed) % i]);
  return places;
}

}  // namespace

// ---- fibres ---------------------------------------------------------------------------------------------------------

void Executor::add_fibre() {
  const std::size_t bytes = std::size_t{address_sanitizer() || thread_sanitizer() ? 256u : 64u} << 10;
  fibres_.push_back(std::make_unique<Fibre>(bytes, [] { executor.fibre_body(); }));
  idle_.push_back(fibres_.back().get());
}

Fibre& Executor::idle_fibre() {
  if (idle_.empty()) add_fibre();
  Fibre* fibre = idle_.back();
  idle_.pop_back();
  return *fibre;
}

/// The next thread that can run; those that poll once all others wait.
Thread* Executor::next_ready() {
  ++switches_;
  if (!ready_.first && polling_.first && progress_ != progress_before_polls_) {
    progress_before_polls_ = progress_;
    ready_.append(polling_);
  }
  Thread* const first = ready_.pop();
  if (!delays || !first || failure_) return first;
  Thread* thread = first;
  while (thread->block->resumes_at > switches_) {
    ready_.push(*thread);
    thread = ready_.pop();
    if (thread == first) return first;  // all are delayed
  }
  return thread;
}

/// Switches from the running fibre to the next ready thread, or to the host if there is none.
void Executor::yield_to_next() {
  Fibre* next = main_;
  if (Thread* thread = next_ready()) {
    if (!thread->fibre) thread->fibre = &idle_fibre();
    next = thread->fibre;
    running_ = thread;
    here.thread = thread->index;
    here.lane = thread->lane;
    here.block = thread->block->index;
    here.shared = thread->block->shared;
    here.cluster_rank = thread->block->rank;
  }
  Fibre& from = *current_;
  current_ = next;
  from.switch_to(*next);
}

/// Main loop of a fibre: runs CUDA threads one after another. A thread that has not started uses the fibre that became
/// idle last, which is this one: a kernel without barriers runs on one stack without a switch.
void Executor::fibre_body() {
  for (;;) {
    Thread& thread = *running_;
    acquire(&begin_clock_);
    if (!failure_) try {
        (*kernel_)();
      } catch (const Cancelled&) {
      } catch (const std::exception& e) {
        if (!failure_) failure_ = concat(text(thread), ": ", e.what());
      } catch (...) {
        if (!failure_) failure_ = concat(text(thread), ": an exception of unknown type");
      }
    release(&end_clock_);
    thread.finished = true;
    progress();
    --thread.block->running;
    --unfinished_;
    // ThreadSanitizer would regard two CUDA threads on one fibre as ordered, and miss their races.
    (thread_sanitizer() ? resting_ : idle_).push_back(current_);
    yield_to_next();
  }
}

void Executor::wait(Barrier& barrier, unsigned ticket, bool orders_memory) {
  Thread& thread = *running_;
  progress();
  thread.waits = &barrier;
  if (barrier.round == ticket)
    barrier.waiting.push(thread);
  else if (barrier.within_block)
    ready_.push_front(thread);
  else
    ready_.push(thread);
  yield_to_next();
  thread.waits = nullptr;
  if (failure_) throw Cancelled{};
  if (orders_memory) acquire(&barrier.clocks[ticket % 2]);
}

void Executor::poll(const char* what) {
  Thread& thread = *running_;
  thread.polls = what;
  polling_.push(thread);
  yield_to_next();
  thread.polls = nullptr;
  if (failure_) throw Cancelled{};
}

void Executor::delay() {
  if (!delays) return;
  const std::uint64_t draw = random(*delays);
  if (draw % 8 != 0) return;
  running_->block->resumes_at = switches_ + (draw >> 32) % 2048;
  ready_.push(*running_);
  yield_to_next();
  if (failure_) throw Cancelled{};
}

// ---- groups ---------------------------------------------------------------------------------------------------------

void Executor::open_block(Block& block, std::size_t cluster, unsigned rank) {
  const dim3 &size = grid_->cluster, &threads = grid_->threads;
  const std::size_t nx = grid_->blocks.x / size.x, ny = grid_->blocks.y / size.y;
  block.index = {static_cast<unsigned>(cluster % nx) * size.x + rank % size.x,
                 static_cast<unsigned>(cluster / nx % ny) * size.y + rank / size.x % size.y,
                 static_cast<unsigned>(cluster / nx / ny) * size.z + rank / size.x / size.y};
  block.rank = rank;
  block.resumes_at = 0;
  block.running = threads.x * threads.y * threads.z;
  block.barrier.open("__syncthreads()", block.running, true);
  block.shared = static_cast<unsigned char*>(::operator new(grid_->shared_bytes, kSharedAlignment));
  std::memset(block.shared, 0xff, grid_->shared_bytes);  // NaN in every format reveals uninitialised reads

  const auto number = static_cast<std::size_t>(&block - blocks_.data());
  Warp* warp = &warps_[number * ((block.running + kWarp - 1) / kWarp)] - 1;
  Thread* thread = &threads_[number * block.running];
  unsigned linear = 0;
  for (unsigned z = 0; z < threads.z; ++z)
    for (unsigned y = 0; y < threads.y; ++y)
      for (unsigned x = 0; x < threads.x; ++x, ++linear) {
        if (linear % kWarp == 0) {
          ++warp;
          warp->lanes = std::min(kWarp, block.running - linear);
          warp->barrier.open("", warp->lanes, true);
        }
        *thread = {};
        thread->index = {x, y, z};
        thread->lane = linear % kWarp;
        thread->warp = warp;
        (thread++)->block = &block;
      }
}

void Executor::open_group(std::size_t first_cluster, std::size_t clusters) {
  const unsigned ranks = grid_->cluster.x * grid_->cluster.y * grid_->cluster.z;
  const std::size_t threads = std::size_t{grid_->threads.x} * grid_->threads.y * grid_->threads.z;
  clusters_.resize(clusters);
  blocks_.resize(clusters * ranks);
  warps_.resize(blocks_.size() * ((threads + kWarp - 1) / kWarp));
  threads_.resize(blocks_.size() * threads);
  for (std::size_t c = 0; c < clusters; ++c) {
    clusters_[c].blocks = &blocks_[c * ranks];
    clusters_[c].barrier.open("the cluster's barrier", static_cast<unsigned>(ranks * threads), false);
    for (unsigned r = 0; r < ranks; ++r) {
      blocks_[c * ranks + r].cluster = &clusters_[c];
      open_block(blocks_[c * ranks + r], first_cluster + c, r);
    }
  }
  progress_before_polls_ = progress_ - 1;
  grid_barrier_.open("the grid's barrier", static_cast<unsigned>(threads_.size()), false);
  unfinished_ = threads_.size();
  if (thread_sanitizer()) {  // it attributes memory to the allocating fibre: allocate it here
    resting_.reserve(threads_.size());
    while (idle_.size() < threads_.size()) add_fibre();
  }
  if (order.kind == Order::Kind::ascending) {
    for (Thread& thread : threads_) ready_.push(thread);
  } else {
    for (const std::uint32_t i : sequence(order, threads_.size())) ready_.push(threads_[i]);
  }
}

void Executor::run_group() {
  release(&begin_clock_);
  yield_to_next();  // returns when no thread can run
  if (unfinished_ > 0) {
    if (!failure_) failure_ = describe_deadlock();
    polling_ = {};
    for (Thread& thread : threads_)  // leave the kernel by an exception, which runs destructors
      if (!thread.finished) ready_.push(thread);
    yield_to_next();
  }
  acquire(&end_clock_);
}

void Executor::close_group() {
  for (Block& block : blocks_) ::operator delete(block.shared, kSharedAlignment);
  idle_.insert(idle_.end(), resting_.begin(), resting_.end());
  resting_.clear();
}

void Executor::run(const Grid& grid, const std::function<void()>& kernel) {
  if (kernel_) throw KernelError("a kernel waits for another kernel");
  const std::size_t ranks = std::size_t{grid.cluster.x} * grid.cluster.y * grid.cluster.z;
  const std::size_t clusters = std::size_t{grid.blocks.x} * grid.blocks.y * grid.blocks.z / ranks;
  Fibre host;
  main_ = current_ = &host;
  grid_ = &grid;
  kernel_ = &kernel;
  failure_.reset();
  here = {};
  here.block_dim = grid.threads;
  here.grid_dim = grid.blocks;
  here.cluster_blocks = static_cast<unsigned>(ranks);
  const auto group = [&](std::size_t first, std::size_t count) {
    open_group(first, count);
    run_group();
    close_group();
    return !failure_;
  };
  if (grid.cooperative) {
    group(0, clusters);
  } else if (order.kind == Order::Kind::ascending) {
    for (std::size_t c = 0; c < clusters && group(c, 1); ++c) {
    }
  } else {
    for (const std::uint32_t c : sequence(order, clusters))
      if (!group(c, 1)) break;
  }
  kernel_ = nullptr;
  here = {};
  if (failure_) throw KernelError(*failure_);
}

/// Names what a thread polls for, or a barrier where a thread waits, and a thread that has not arrived there.
std::string Executor::describe_deadlock() const {
  const auto polling = std::find_if(threads_.begin(), threads_.end(), [](const Thread& t) { return t.polls; });
  if (polling != threads_.end())
    return concat("deadlock: ", text(*polling), " polls for ", polling->polls, ", which no other thread writes");
  const auto waiting = std::find_if(threads_.begin(), threads_.end(), [](const Thread& t) { return t.waits; });
  const Barrier& barrier = *waiting->waits;
  const Block& block = *waiting->block;
  const bool of_warp = &barrier == &waiting->warp->barrier, of_block = &barrier == &block.barrier;
  const bool of_cluster = &barrier == &block.cluster->barrier;
  const auto missing = std::find_if(threads_.begin(), threads_.end(), [&](const Thread& t) {
    const bool belongs = of_warp      ? t.warp == waiting->warp
                         : of_block   ? t.block == &block
                         : of_cluster ? t.block->cluster == block.cluster
                                      : true;
    return belongs && t.waits != &barrier;
  });
  return concat("deadlock: ", barrier.name, " in block ", text(block.index), ": ", barrier.arrived, " of ",
                barrier.expected, " threads arrived; ", text(*missing),
                missing->finished ? " has finished" : " waits at ", missing->finished ? "" : missing->waits->name);
}

}  // namespace host_cuda
