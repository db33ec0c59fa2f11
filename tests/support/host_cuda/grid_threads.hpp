// SPDX-License-Identifier: MIT
// What a group of living CUDA threads consists of, for the executor alone: threads, the queues that they stand in, the
// barriers at which they meet, warps, blocks and clusters.
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
  Fibre* fibre = nullptr;          // none before its first turn
  Thread* next = nullptr;          // in the one queue where it stands
  const Barrier* waits = nullptr;  // where, if it does
  struct Arrival {
    unsigned ticket = 0;
    bool valid = false;
  } at_cluster, at_grid;  // between arriving there and waiting
  bool finished = false;
};

/// First in, first out, except for those who push in at the front; linked through the threads themselves.
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
  void prepend(Queue& other) {  // and empties it
    if (!other.first) return;
    other.last->next = first;
    if (!first) last = other.last;
    first = other.first;
    other.first = nullptr;
  }
  void append(Queue& other) {  // and empties it
    if (!other.first) return;
    (first ? last->next : first) = other.first;
    last = other.last;
    other.first = nullptr;
  }
};

/// Meets again and again: each round has a number, the ticket, which arriving gives and waiting takes.
struct Barrier {
  const char* name = "";
  unsigned members = 0, arrived = 0, round = 0;
  bool within_block = false;
  Queue waiting;
  // ThreadSanitizer's clocks of even and odd rounds. With one for both, a thread slow to leave would also learn of what
  // quicker ones have done since, and races would go unseen; two rounds ahead of it nobody can be.
  std::array<char, 2> clocks{};

  void open(const char* what, unsigned count, bool of_block) {
    name = what, members = count, arrived = 0, round = 0;
    within_block = of_block;
    waiting = {};
  }
  /// The last one to come sends the waiting ones to `ready`. Those of one block go before all others: a block runs as
  /// far as it can before the next one does, so that a barrier of the cluster or of the grid that is missing shows.
  unsigned arrive(Queue& ready, bool orders_memory) {
    const unsigned ticket = round;
    if (orders_memory) release(&clocks[ticket % 2]);
    if (++arrived == members) {
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
  std::array<std::array<Registers, 32>, 2> shown;  // of even and odd rounds
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
};

}  // namespace host_cuda
