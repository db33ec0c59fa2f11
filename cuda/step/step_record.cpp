// SPDX-License-Identifier: MIT
#include "step_record.hpp"

#include <utility>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

thread_local StepRecord* running = nullptr;

}  // namespace

StepRecord* current_step() { return running; }

bool defers_calls() { return running && running->defers(); }

void require_no_wait(const char* what) {
  if (defers_calls())
    throw error(rondo::detail::concat("rondo::cuda: CapturedStep: the step ", what,
                                      ", which a graph cannot; move that after CapturedStep::run"));
}

const void* stage_in_step(const void* host, std::size_t bytes) {
  return running ? running->stage(host, bytes) : nullptr;
}

bool keep_in_step(void* memory) {
  if (running) running->keep(memory);
  return running != nullptr;
}

StepRecord::StepRecord() : root_(&Context::current()) {}

StepRecord::~StepRecord() {
  if (executable_) cudaGraphExecDestroy(executable_);
  for (void* memory : kept_) cudaFree(memory);
}

StepRecord::Recording::Recording(StepRecord& record) { running = &record; }
StepRecord::Recording::~Recording() { running = nullptr; }

void StepRecord::begin_capture() {
  values_.begin();
  phase_ = Phase::capture;
}

void StepRecord::begin_replay() {
  values_.begin();
  phase_ = Phase::replay;
  next_ = 0;
}

bool StepRecord::agreed() {
  if (phase_ == Phase::replay && next_ < entries_.size()) make_calls();
  return std::exchange(phase_, Phase::direct) != Phase::direct;
}

void StepRecord::make_calls() {
  phase_ = Phase::direct;
  const ContextGuard use(*root_);  // the order of the record respects every dependency between streams
  values_.upload();
  for (std::size_t n = 0; n < next_; ++n)
    if (const Entry& e = entries_[n]; e.make) check(e.make(e.call), "a call of a captured step");
  root_->synchronize();  // so that other streams need not wait for events that were not recorded
}

void StepRecord::launch() {
  values_.upload();
  check(cudaGraphLaunch(executable_, context().stream), "cudaGraphLaunch");
}

const void* StepRecord::stage(const void* host, std::size_t bytes) {
  using Slot = StagedValues::Slot;
  if (phase_ == Phase::replay) {
    if (const Entry* e = next<Slot>(); e && std::any_cast<const Slot&>(e->call).bytes == bytes) {
      const auto& slot = std::any_cast<const Slot&>(e->call);
      ++next_;
      values_.write(slot, host);
      return values_.address(slot);
    }
    make_calls();
  }
  if (phase_ == Phase::direct) return nullptr;
  const Slot slot = values_.add(bytes);
  values_.write(slot, host);
  add({slot, nullptr, cudaSuccess, &context()});
  return values_.address(slot);
}

void StepRecord::require_captured() const {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (cudaStreamIsCapturing(context().stream, &status) == cudaSuccess && status != cudaStreamCaptureStatusNone) return;
  throw error(
      "rondo::cuda: CapturedStep: the step enqueues work on the stream of another context than the one that runs it");
}

}  // namespace rondo::inline RONDO_ABI::cuda
