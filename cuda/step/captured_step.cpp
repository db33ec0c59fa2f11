// SPDX-License-Identifier: MIT
#include <rondo/cuda/captured_step.hpp>

#include <rondo/cuda/stream_capture.hpp>

#include "step_record.hpp"

#include <exception>
#include <utility>

namespace rondo::inline RONDO_ABI {

struct CapturedStep<Cuda>::Impl {
  /// Throws what the step throws.
  void replay(const std::function<void()>& step);
  void capture(const std::function<void()>& step);

  std::unique_ptr<cuda::StepRecord> record;
  bool ran = false;  // in its context, as it was enqueued: the next one can be captured
  std::uint64_t context = 0;
  std::string refusal;
  std::int64_t captures = 0, replays = 0;
};

void CapturedStep<Cuda>::Impl::replay(const std::function<void()>& step) {
  bool agreed = false;
  record->begin_replay();
  try {
    const cuda::StepRecord::Recording recording(*record);
    step();
    agreed = record->agreed();
  } catch (...) {
    if (record->defers()) record->make_calls();
    record.reset();
    throw;
  }
  if (agreed) {
    record->launch();
    ++replays;
  } else {
    record.reset();
  }
}

void CapturedStep<Cuda>::Impl::capture(const std::function<void()>& step) {
  auto captured = std::make_unique<cuda::StepRecord>();
  captured->begin_capture();
  std::exception_ptr failure;  // of the step
  try {
    cuda::StreamCapture capture;
    try {
      const cuda::StepRecord::Recording recording(*captured);
      step();
    } catch (...) {
      failure = std::current_exception();
    }
    if (!failure) captured->set_graph(capture.finish());
  } catch (const cuda::error& e) {
    refusal = e.what();
  }
  if (failure || !refusal.empty()) {
    captured->make_calls();
    if (failure) std::rethrow_exception(failure);
    return;
  }
  captured->launch();
  record = std::move(captured);
  ++captures;
}

CapturedStep<Cuda>::CapturedStep() : impl_(std::make_unique<Impl>()) {}
CapturedStep<Cuda>::~CapturedStep() = default;

void CapturedStep<Cuda>::run(const std::function<void()>& step) {
  Impl& own = *impl_;
  const cuda::Context::Impl& current = cuda::context();
  if (!own.refusal.empty() || cuda::current_step() || cuda::is_captured(current.stream)) return step();
  if (own.context != current.number) {
    own.record.reset();
    own.context = current.number;
    own.ran = false;
  }
  if (own.record) return own.replay(step);
  if (own.ran) return own.capture(step);
  step();
  own.ran = true;
}

std::int64_t CapturedStep<Cuda>::captures() const { return impl_->captures; }
std::int64_t CapturedStep<Cuda>::replays() const { return impl_->replays; }
std::string CapturedStep<Cuda>::refusal() const { return impl_->refusal; }

}  // namespace rondo::inline RONDO_ABI
