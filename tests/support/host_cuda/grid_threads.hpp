// SPDX-License-Identifier: MIT
// The data structures of a group of CUDA threads, for the executor only: threads, their queues, barriers, warps, blocks
// and clusters.
#pragma once

#include "fibre.hpp"
#include "host_grid.hpp"
#include "sanitizers.hpp"

#include <array>

namespace host_cuda {

struct Barrier;
struct Warp;
struct Block;

struct Thread {
  uint3 index{};
  unsigned lane = 0;
  Warp* warp = nullptr;
  Block* block = nullptr;
  Fibre* fibre = nullptr;          // null before it first runs
  Thread* next = nullptr;          // in the queue that contains it; there is at most one
  const Barrier* waits = nullptr;  // null: not waiting
  struct Arrival {
    unsigned ticket = 0;
    bool valid = false;
  } at_cluster, at_grid;        // state between arrive and wait
  const char* polls = nullptr;  // for what; null: not polling
  bool finished = false;
};

/// First in, first out, with prepend for priority; linked through the threads themselves.
struct Queue {
  Thread* first = nullptr;
  Thread* last = nullptr;

  void push(Thread& thread) {
    thread.next = nullptr;
    (first ? last->next : first) = &thread;
    last = &thread;
  }
  void push_front(Thread& thread) {
    thread.next = first;
    if (!first) last = &thread;
    first = &thread;
  }
  Thread* pop() {
    Thread* thread = first;
    if (thread) first = thread->next;
    return thread;
  }
  void prepend(Queue& other) {  // empties `other`
    if (!other.first) return;
    other.last->next = first;
    if (!first) last = other.last;
    first = other.first;
    other.first = nullptr;
  }
  void append(Queue& other) {  // empties `other`
    if (!other.first) return;
    (first ? last->next : first) = other.first;
    last = other.last;
    other.first = nullptr;
  }
};

/// A reusable barrier: each round has a number, the ticket, which arrive returns and wait takes.
struct Barrier {
  const char* name = "";
  unsigned expected = 0, arrived = 0, round = 0;
  bool within_block = false;
  Queue waiting;
  // ThreadSanitizer's clocks of even and odd rounds. With a single one a thread slow to leave would also be ordered
  // after later accesses of faster threads, and races would be missed. No thread can be two rounds ahead.
  std::array<char, 2> clocks{};

  void open(const char* what, unsigned count, bool of_block) {
    name = what, expected = count, arrived = 0, round = 0;
    within_block = of_block;
    waiting = {};
  }
  /// The last thread to arrive moves the waiting ones to `ready`. Those of one block are put first: a block runs as far
  /// as it can before the next one does, so that a missing barrier of the cluster or of the grid becomes visible.
  unsigned arrive(Queue& ready, bool orders_memory) {
    const unsigned ticket = round;
    if (orders_memory) release(&clocks[ticket % 2]);
    if (++arrived == expected) {
      arrived = 0;
      ++round;
      within_block ? ready.prepend(waiting) : ready.append(waiting);
    }
    return ticket;
  }
};

struct Warp {
  Barrier barrier;
  unsigned lanes = 0;
  std::array<std::array<Registers, 32>, 2> published;  // of even and odd rounds
};

struct Cluster {
  Barrier barrier;
  Block* blocks = nullptr;
};

struct Block {
  uint3 index{};
  unsigned rank = 0;  // in its cluster
  unsigned running = 0;
  Cluster* cluster = nullptr;
  Barrier barrier;
  unsigned char* shared = nullptr;
  std::uint64_t resumes_at = 0;  // a number of switches: see Executor::delay
};

}  // namespace host_cuda
