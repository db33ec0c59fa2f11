// SPDX-License-Identifier: MIT
// Events: positions in the work of a stream, for which the host, other streams and captures wait.
#include "runtime_state.hpp"

namespace host_cuda {

namespace {

/// Whether the stream has completed all work before the event; true if the event was never recorded.
bool complete(const CUevent_st& event) {
  return !event.stream || !find(event.stream) || event.stream->done >= event.after;
}

cudaError_t check(cudaEvent_t event) {
  if (!state().events.contains(event)) return cudaErrorInvalidResourceHandle;
  return event->capture ? cudaErrorCapturedEvent : cudaSuccess;
}

/// A stream that waits for an event of a capture takes part in it. If the event follows all work of its own stream,
/// that stream has no unjoined work.
cudaError_t wait_in_capture(CUstream_st& stream, const CUevent_st& event) {
  if (!event.capture) {
    stream.capture->invalidated = true;
    return cudaErrorStreamCaptureIsolation;
  }
  CUstream_st* from = find(event.stream);
  if (!from || from->capture != event.capture) return cudaErrorCapturedEvent;  // that capture has ended
  if (!stream.capture) {
    stream.capture = event.capture;
    stream.captured = 0;
    stream.joined = false;
  } else if (stream.capture != event.capture) {
    stream.capture->invalidated = event.capture->invalidated = true;
    return cudaErrorStreamCaptureIsolation;
  }
  if (from != &stream && event.captured == from->captured) from->joined = true;
  return cudaSuccess;
}

}  // namespace

}  // namespace host_cuda

using namespace host_cuda;

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
    if (!s || !state().events.contains(event) || !on_current_device(*s)) return cudaErrorInvalidResourceHandle;
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
    ++state().host_waits;
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
