// SPDX-License-Identifier: MIT
// Streams and events. Work is queued and runs when something waits for it and no sooner, so that what forgets to wait
// finds old values or, under AddressSanitizer, memory that has died. The legacy stream (0) works at once, after all
// that streams without cudaStreamNonBlocking still have to do. A failure drops all queued work and sticks.
#include "runtime_state.hpp"

#include <algorithm>
#include <exception>

namespace host_cuda {

namespace {

template <class Function>
void for_each_stream(Function&& function) {
  function(state().legacy);
  for (CUstream_st* stream : state().streams) function(*stream);
}

void drop_work() {
  for_each_stream([](CUstream_st& s) {
    s.queue.clear();
    s.done = s.submitted;
  });
}

void remember(const char* what) {
  state().failure = what;
  state().sticky = cudaErrorLaunchFailure;
  drop_work();
}

cudaError_t submit_to_legacy(Work work) {
  bool captured = false;
  for (CUstream_st* s : state().streams)
    if (s->waits_for_legacy && s->capture) captured = s->capture->spoiled = true;
  if (captured) return cudaErrorStreamCaptureImplicit;
  for (CUstream_st* s : state().streams)
    if (s->waits_for_legacy) advance(*s, s->submitted);
  CUstream_st& legacy = state().legacy;
  legacy.queue.push_back(std::move(work));
  return advance(legacy, ++legacy.submitted);
}

}  // namespace

CUstream_st* find(cudaStream_t stream) {
  if (stream == nullptr || stream == cudaStreamLegacy) return &state().legacy;
  return state().streams.contains(stream) ? stream : nullptr;
}

cudaError_t submit(cudaStream_t stream, Work work) {
  CUstream_st* s = find(stream);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (state().sticky != cudaSuccess) return state().sticky;
  if (s == &state().legacy) return submit_to_legacy(std::move(work));
  if (s->capture) {
    if (s->capture->spoiled) return cudaErrorStreamCaptureInvalidated;
    s->capture->nodes.push_back(std::move(work));
    ++s->captured;
    s->joined = false;
  } else {
    s->queue.push_back(std::move(work));
    ++s->submitted;
  }
  return cudaSuccess;
}

cudaError_t advance(CUstream_st& stream, std::uint64_t until) {
  const DeviceAccess access;
  while (stream.done < until && !stream.queue.empty()) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    ++stream.done;
    try {
      work();
    } catch (const std::exception& e) {
      remember(e.what());
    }
  }
  return state().sticky;
}

cudaError_t drain() {
  for_each_stream([](CUstream_st& s) { advance(s, s.submitted); });
  return state().sticky;
}

cudaError_t refuse_in_capture() {
  bool refused = false;
  for (CUstream_st* s : state().streams)
    if (s->capture && s->capture->mode != cudaStreamCaptureModeRelaxed) refused = s->capture->spoiled = true;
  return refused ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

std::string last_failure() {
  const std::lock_guard guard(state().lock);
  return state().failure;
}

void clear_failure() {
  const std::lock_guard guard(state().lock);
  drop_work();
  state().failure.clear();
  state().sticky = last_error() = cudaSuccess;
}

namespace {

/// The stream has done all that the event stands for; true also for one that was never recorded.
bool complete(const CUevent_st& event) {
  return !event.stream || !find(event.stream) || event.stream->done >= event.after;
}

cudaError_t check(cudaEvent_t event) {
  if (!state().events.contains(event)) return cudaErrorInvalidResourceHandle;
  return event->capture ? cudaErrorCapturedEvent : cudaSuccess;
}

/// A stream that waits for an event of a capture takes part in it; one that had left its origin has come back.
cudaError_t wait_in_capture(CUstream_st& stream, const CUevent_st& event) {
  if (!event.capture) {
    stream.capture->spoiled = true;
    return cudaErrorStreamCaptureIsolation;
  }
  CUstream_st* from = find(event.stream);
  if (!from || from->capture != event.capture) return cudaErrorCapturedEvent;  // that capture has ended
  if (!stream.capture) {
    stream.capture = event.capture;
    stream.captured = 0;
    stream.joined = false;
  } else if (stream.capture != event.capture) {
    stream.capture->spoiled = event.capture->spoiled = true;
    return cudaErrorStreamCaptureIsolation;
  }
  if (from != &stream && event.captured == from->captured) from->joined = true;
  return cudaSuccess;
}

}  // namespace

}  // namespace host_cuda

using namespace host_cuda;

cudaError_t cudaDeviceSynchronize() {
  return call([] {
    const cudaError_t error = refuse_in_capture();
    return error != cudaSuccess ? error : drain();
  });
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return call([&] {
    if (flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
    *stream = new CUstream_st;
    (*stream)->waits_for_legacy = flags != cudaStreamNonBlocking;
    state().streams.insert(*stream);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call([&] {
    if (!state().streams.contains(stream)) return cudaErrorInvalidResourceHandle;
    if (stream->capture) stream->capture->spoiled = true;
    const cudaError_t error = advance(*stream, stream->submitted);
    state().streams.erase(stream);
    delete stream;
    return error;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call([&] {
    CUstream_st* s = find(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s == &state().legacy) return submit_to_legacy([] {});
    if (s->capture) {
      s->capture->spoiled = true;
      return cudaErrorStreamCaptureUnsupported;
    }
    return advance(*s, s->submitted);
  });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call([&] {
    CUstream_st* s = find(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s->capture) {
      s->capture->spoiled = true;
      return cudaErrorStreamCaptureUnsupported;
    }
    if (s->queue.empty()) return state().sticky;
    const cudaError_t error = advance(*s, s->done + 1);  // so that a loop that asks comes to its end
    return error != cudaSuccess ? error : cudaErrorNotReady;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return call([&] {
    CUstream_st* s = find(stream);
    if (!s || !state().events.contains(event)) return cudaErrorInvalidResourceHandle;
    if (flags != 0) return cudaErrorInvalidValue;
    if (s->capture || event->capture) return wait_in_capture(*s, *event);
    if (complete(*event)) return cudaSuccess;
    return submit(stream, [awaited = event->stream, until = event->after] {
      if (CUstream_st* other = find(awaited)) advance(*other, until);
    });
  });
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return call([&] {
    if (flags > (cudaEventBlockingSync | cudaEventDisableTiming)) return cudaErrorInvalidValue;
    *event = new CUevent_st;
    (*event)->timed = (flags & cudaEventDisableTiming) == 0;
    state().events.insert(*event);
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call([&] {
    if (state().events.erase(event) == 0) return cudaErrorInvalidResourceHandle;
    delete event;
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call([&] {
    CUstream_st* s = find(stream);
    if (!s || !state().events.contains(event)) return cudaErrorInvalidResourceHandle;
    event->stream = s;
    event->capture = s->capture;
    event->captured = s->captured;
    if (s->capture) return cudaSuccess;
    event->time = std::make_shared<std::chrono::steady_clock::time_point>();
    event->after = s->submitted + 1;
    return submit(stream, [time = event->time] { *time = std::chrono::steady_clock::now(); });
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call([&] {
    if (const cudaError_t error = check(event)) return error;
    return complete(*event) ? state().sticky : advance(*event->stream, event->after);
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call([&] {
    if (const cudaError_t error = check(event)) return error;
    if (complete(*event)) return state().sticky;
    const cudaError_t error = advance(*event->stream, event->stream->done + 1);
    return error != cudaSuccess ? error : cudaErrorNotReady;
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return call([&] {
    for (const cudaEvent_t event : {start, end}) {
      if (const cudaError_t error = check(event)) return error;
      if (!event->timed || !event->stream) return cudaErrorInvalidResourceHandle;
      if (!complete(*event)) return cudaErrorNotReady;
    }
    *milliseconds = std::chrono::duration<float, std::milli>(*end->time - *start->time).count();
    return cudaSuccess;
  });
}
