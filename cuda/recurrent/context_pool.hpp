// SPDX-License-Identifier: MIT
// ContextPool: contexts with a stream each, to run parts of one thread's work concurrently, ordered by events. Plain
// C++.
#pragma once

#include "../runtime.hpp"
#include "../step/step_record.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

/// Recording an event, or waiting for it. Between the calls of a step it only orders streams, so that calls that are
/// made one by one on a single stream do without.
struct EventCall {
  static constexpr bool kRepeats = false;
  cudaEvent_t event;
  cudaStream_t stream;
  bool waits;
  bool on_root;  // on the stream of the step's context, which is another one during a capture

  EventCall(cudaEvent_t e, cudaStream_t s, bool wait)
      : event(e), stream(s), waits(wait), on_root(current_step() && current_step()->on_root(s)) {}
  bool operator==(const EventCall& other) const {
    return waits == other.waits && on_root == other.on_root && (on_root || stream == other.stream);
  }
  cudaError_t operator()() const {
    return waits ? cudaStreamWaitEvent(stream, event, 0) : cudaEventRecord(event, stream);
  }
};

class Event {
 public:
  /// By default without a time, as for ordering streams.
  explicit Event(unsigned flags = cudaEventDisableTiming) {
    check(cudaEventCreateWithFlags(&event_, flags), "cudaEventCreateWithFlags");
  }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  cudaEvent_t handle() const { return event_; }

  void record(cudaStream_t stream) { check(issue(EventCall(event_, stream, false)), "cudaEventRecord"); }
  /// Work enqueued on `waiting` from now on runs after all work that is now on `done`.
  void order(cudaStream_t done, cudaStream_t waiting) {
    record(done);
    check(issue(EventCall(event_, waiting, true)), "cudaStreamWaitEvent");
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// The calling thread's context and further ones, `count` in total. Their work starts after the work that is now on the
/// caller's stream. While the caller captures that stream no context can be created: if there are not enough yet, all
/// are the caller's, and the parts run one after the other.
class ContextPool {
 public:
  explicit ContextPool(std::size_t count) {
    Context& caller = Context::current();
    contexts_.push_back(&caller);
    auto& more = caller.impl().contexts;
    if (more.size() + 1 < count && is_captured(caller.stream())) {
      contexts_.resize(count, &caller);
      return;
    }
    while (more.size() + 1 < count) more.push_back(std::make_unique<Context>());
    for (std::size_t l = 1; l < count; ++l) {
      more[l - 1]->set_recurrent_algorithm(caller.recurrent_algorithm());
      more[l - 1]->set_algorithm_choice(caller.impl().choice);
      contexts_.push_back(more[l - 1].get());
      event_.order(caller.stream(), contexts_[l]->stream());
    }
  }

  Context& operator[](std::size_t l) { return *contexts_[l]; }
  std::size_t size() const { return contexts_.size(); }

  /// Further work of context `later` runs after the work that context `sooner` has now.
  void order(std::size_t sooner, std::size_t later) {
    event_.order(contexts_[sooner]->stream(), contexts_[later]->stream());
  }

  /// Further work of the caller's stream runs after the work of all contexts.
  void join() {
    for (std::size_t l = contexts_.size() - 1; l > 0; --l) order(l, 0);
    contexts_[0]->impl().last_algorithm = contexts_.back()->last_algorithm();
  }

 private:
  std::vector<Context*> contexts_;
  Event event_;
};

}  // namespace rondo::inline RONDO_ABI::cuda
