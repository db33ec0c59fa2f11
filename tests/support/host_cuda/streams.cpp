// SPDX-License-Identifier: MIT
// Streams. Work is queued and runs only when something waits for it, so that code without the necessary wait finds old
// values or, under AddressSanitizer, freed memory. The legacy stream (0) runs immediately, after all queued work of
// streams without cudaStreamNonBlocking. A failure discards all queued work and is sticky.
#include "runtime_state.hpp"

#include <exception>
#include <vector>

namespace host_cuda {

namespace {

template <class Function>
void for_each_stream(Function&& function) {
  function(state().legacy);
  for (CUstream_st* stream : state().streams) function(*stream);
}

/// Runs all work of the other streams, the newest first.
void advance_others(const CUstream_st& than) {
  std::vector<CUstream_st*> others(state().streams.begin(), state().streams.end());
  std::sort(others.begin(), others.end(), [](auto* a, auto* b) { return a->number > b->number; });
  for (CUstream_st* s : others)
    if (s != &than && !s->capture) advance(*s, s->submitted);
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
    if (s->waits_for_legacy && s->capture) captured = s->capture->invalidated = true;
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
    if (s->capture->invalidated) return cudaErrorStreamCaptureInvalidated;
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
  if (capture_mode() == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  for (CUstream_st* s : state().streams)
    if (s->capture && s->capture->mode != cudaStreamCaptureModeRelaxed) refused = s->capture->invalidated = true;
  return refused ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

std::string last_failure() {
  const std::lock_guard guard(state().lock);
  return state().failure;
}

std::size_t host_waits() {
  const std::lock_guard guard(state().lock);
  return state().host_waits;
}

void set_streams(Streams order) {
  const std::lock_guard guard(state().lock);
  state().others_first = order == Streams::others_first;
}

void clear_failure() {
  const std::lock_guard guard(state().lock);
  drop_work();
  state().failure.clear();
  state().sticky = last_error() = cudaSuccess;
}

}  // namespace host_cuda

using namespace host_cuda;

cudaError_t cudaDeviceSynchronize() {
  return call([] {
    ++state().host_waits;
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
    (*stream)->number = ++state().streams_made;
    (*stream)->device = current_device();
    state().streams.insert(*stream);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call([&] {
    if (!state().streams.contains(stream)) return cudaErrorInvalidResourceHandle;
    if (stream->capture) stream->capture->invalidated = true;
    const cudaError_t error = advance(*stream, stream->submitted);
    state().streams.erase(stream);
    delete stream;
    return error;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call([&] {
    ++state().host_waits;
    CUstream_st* s = find(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s == &state().legacy) return submit_to_legacy([] {});
    if (s->capture) {
      s->capture->invalidated = true;
      return cudaErrorStreamCaptureUnsupported;
    }
    if (state().others_first) advance_others(*s);
    return advance(*s, s->submitted);
  });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call([&] {
    CUstream_st* s = find(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s->capture) {
      s->capture->invalidated = true;
      return cudaErrorStreamCaptureUnsupported;
    }
    if (s->queue.empty()) return state().sticky;
    const cudaError_t error = advance(*s, s->done + 1);  // so that a polling loop ends
    return error != cudaSuccess ? error : cudaErrorNotReady;
  });
}
