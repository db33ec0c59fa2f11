// SPDX-License-Identifier: MIT
// StepRecord: what a captured step enqueues, call by call. Everything that the library asks of the device goes through
// issue(); while a thread runs a captured step, its calls are recorded, or compared with the record. See
// rondo/cuda/captured_step.hpp. Plain C++.
#pragma once

#include "../runtime.hpp"
#include "staged_values.hpp"

#include <any>
#include <cstddef>
#include <typeinfo>
#include <utility>
#include <vector>

struct CUgraphExec_st;

namespace rondo::inline RONDO_ABI::cuda {

/// A call is a value with operator==, and operator() that makes it in the calling thread's context.
class StepRecord {
 public:
  /// Of steps in the calling thread's context.
  StepRecord();
  ~StepRecord();
  StepRecord(const StepRecord&) = delete;
  StepRecord& operator=(const StepRecord&) = delete;

  /// While it exists, the calling thread's calls are recorded.
  class Recording {
   public:
    explicit Recording(StepRecord& record);
    ~Recording();
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
  };

  void begin_capture();
  void begin_replay();
  /// After a replay: whether all calls agreed. Else they have been made one by one.
  bool agreed();
  /// Makes the calls so far one by one, and those that follow: the work of a step that ended early, or of a graph that
  /// cannot be launched.
  void make_calls();
  /// Enqueues the copy of the step's values and the graph.
  void launch();

  /// The graph of the record, which it owns from now on.
  void set_graph(CUgraphExec_st* executable) { executable_ = executable; }

  /// Whether calls are not made now, but by a graph later.
  bool defers() const { return phase_ != Phase::direct; }

  template <class Call>
  cudaError_t run(const Call& call) {
    if (phase_ == Phase::replay) {
      if (const Entry* e = next<Call>(); e && std::any_cast<const Call&>(e->call) == call) {
        ++next_;
        return e->status;
      }
      make_calls();
    }
    if (phase_ == Phase::direct) return call();
    require_captured();
    const cudaError_t status = call();
    cudaError_t (*make)(const std::any&) = nullptr;
    if constexpr (Call::kRepeats)
      if (status == cudaSuccess) make = [](const std::any& c) { return std::any_cast<const Call&>(c)(); };
    add({call, make, status, &context()});
    return status;
  }

  /// The device address at which the step finds these values; null if calls are made one by one.
  const void* stage(const void* host, std::size_t bytes);

  /// Frees the memory with the record: a call of it may use it.
  void keep(void* memory) { kept_.push_back(memory); }

  /// Whether the stream is that of the record's context.
  bool on_root(cudaStream_t stream) const { return stream == root_->impl().stream; }

 private:
  enum class Phase { capture, replay, direct };

  struct Entry {
    std::any call;                         // or a slot
    cudaError_t (*make)(const std::any&);  // null: nothing to be done
    cudaError_t status;                    // of a launch that a device may refuse
    const Context::Impl* context;
  };

  /// The next entry, if it is such a call in this context.
  template <class Call>
  const Entry* next() const {
    if (next_ == entries_.size()) return nullptr;
    const Entry& e = entries_[next_];
    return e.context == &context() && e.call.type() == typeid(Call) ? &e : nullptr;
  }
  void add(Entry entry) {
    entries_.push_back(std::move(entry));
    next_ = entries_.size();
  }
  /// Throws cuda::error unless the calling thread's stream is captured.
  void require_captured() const;

  Context* root_;
  Phase phase_ = Phase::direct;
  std::vector<Entry> entries_;
  std::size_t next_ = 0;
  StagedValues values_;
  CUgraphExec_st* executable_ = nullptr;
  std::vector<void*> kept_;
};

/// The record of the step that the calling thread runs; null without one.
StepRecord* current_step();

/// Makes the call, or records it.
template <class Call>
cudaError_t issue(const Call& call) {
  StepRecord* const step = current_step();
  return step ? step->run(call) : call();
}

/// A value that kernels read: in a captured step from device memory, where each step writes its own; else by value.
template <class T>
struct StepValue {
  T value{};
  const T* staged = nullptr;

  constexpr const T& operator*() const { return staged != nullptr ? *staged : value; }
  bool operator==(const StepValue&) const = default;
};

template <class T>
StepValue<T> step_value(const T& value) {
  if (const void* staged = stage_in_step(&value, sizeof value)) return {T{}, static_cast<const T*>(staged)};
  return {value, nullptr};
}

}  // namespace rondo::inline RONDO_ABI::cuda
