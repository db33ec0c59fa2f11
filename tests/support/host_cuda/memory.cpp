// SPDX-License-Identifier: MIT
// Device memory is heap memory of exactly the requested size, filled with 0xff (NaN in every format). AddressSanitizer
// detects accesses past its end and, since it is poisoned except while device work runs, host code that dereferences a
// device pointer. Copies follow the runtime: to the device from pageable memory, the source is read during the call;
// otherwise when the stream runs the copy. Stricter than a GPU: both addresses must match `kind`.
#include "device_limits.hpp"
#include "sanitizers.hpp"

#include <cstring>
#include <map>
#include <optional>

namespace host_cuda {

namespace {

struct Allocations {
  std::map<const char*, std::size_t> bytes;
  std::size_t alignment, total = 0;
  std::map<const char*, std::uint64_t> numbers = {};
  std::uint64_t made = 0;

  void* add(std::size_t size) {
    auto* memory = static_cast<char*>(::operator new (size, std::align_val_t{alignment}));
    bytes.emplace(memory, size);
    numbers[memory] = ++made;
    total += size;
    return memory;
  }
  bool remove(void* memory) {
    const auto found = bytes.find(static_cast<char*>(memory));
    if (found == bytes.end()) return false;
    total -= found->second;
    numbers.erase(found->first);
    bytes.erase(found);
    ::operator delete (memory, std::align_val_t{alignment});
    return true;
  }
  /// Bytes from `memory` to the end of its allocation.
  std::optional<std::size_t> room(const void* memory) const {
    const auto* at = static_cast<const char*>(memory);
    auto next = bytes.upper_bound(at);
    if (next == bytes.begin()) return std::nullopt;
    const auto& [begin, size] = *--next;
    const auto offset = static_cast<std::size_t>(at - begin);
    return offset < size ? std::optional(size - offset) : std::nullopt;
  }
};

Allocations device_memory{{}, 256};
Allocations pinned_memory{{}, 4096};
int accesses = 0;

/// `rows` of `width` bytes with stride `pitch`.
struct Area {
  char* at;
  std::size_t pitch, width, rows;

  std::size_t span() const { return pitch * (rows - 1) + width; }
  bool on_device() const { return device_memory.room(at).has_value(); }
  bool fits() const {  // host memory cannot be checked
    const auto room = device_memory.room(at);
    return !room || span() <= *room;
  }
};

void copy(const Area& to, const Area& from) {
  for (std::size_t r = 0; r < to.rows; ++r) std::memcpy(to.at + r * to.pitch, from.at + r * from.pitch, to.width);
}

cudaError_t queue_copy(const Area& to, const Area& from, cudaMemcpyKind kind, cudaStream_t stream) {
  if (to.pitch < to.width || from.pitch < from.width) return cudaErrorInvalidPitchValue;
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  if (to.width == 0 || to.rows == 0) return cudaSuccess;
  const bool to_device = to.on_device(), from_device = from.on_device();
  const auto actual = static_cast<cudaMemcpyKind>((from_device ? 2 : 0) + (to_device ? 1 : 0));
  if ((kind != cudaMemcpyDefault && kind != actual) || !to.fits() || !from.fits()) return cudaErrorInvalidValue;

  if (!to_device) ++state().host_waits;
  const bool pageable = (!to_device && !pinned_memory.room(to.at)) || (!from_device && !pinned_memory.room(from.at));
  const CUstream_st* s = find(stream);
  if (s && s->capture && pageable) return refuse_in_capture();
  if (from_device || !pageable) return submit(stream, [=] { copy(to, from); });
  auto staged = std::make_shared<std::vector<char>>(from.width * from.rows);
  copy({staged->data(), from.width, from.width, from.rows}, from);
  return submit(stream, [=] { copy(to, {staged->data(), to.width, to.width, to.rows}); });
}

cudaError_t queue_set(const Area& to, int value, cudaStream_t stream) {
  if (to.pitch < to.width) return cudaErrorInvalidPitchValue;
  if (to.width == 0 || to.rows == 0) return cudaSuccess;
  if (!to.on_device() || !to.fits()) return cudaErrorInvalidValue;
  return submit(stream, [=] {
    for (std::size_t r = 0; r < to.rows; ++r) std::memset(to.at + r * to.pitch, value, to.width);
  });
}

Area area(const void* at, std::size_t pitch, std::size_t width, std::size_t rows) {
  return {const_cast<char*>(static_cast<const char*>(at)), pitch, width, rows};
}

}  // namespace

DeviceAccess::DeviceAccess() {
  if (accesses++ == 0)
    for (const auto& [memory, size] : device_memory.bytes) unpoison(memory, size);
}

DeviceAccess::~DeviceAccess() {
  if (--accesses == 0)
    for (const auto& [memory, size] : device_memory.bytes) poison(memory, size);
}

std::size_t allocated_bytes() {
  const std::lock_guard guard(state().lock);
  return device_memory.total;
}

std::uint64_t allocation_of(const void* pointer) {
  if (!device_memory.room(pointer)) return 0;
  return std::prev(device_memory.numbers.upper_bound(static_cast<const char*>(pointer)))->second;
}

}  // namespace host_cuda

using namespace host_cuda;

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  return call([&] {
    *pointer = nullptr;
    if (state().sticky != cudaSuccess || bytes == 0) return state().sticky;
    if (const cudaError_t error = refuse_in_capture()) return error;
    if (bytes > DeviceLimits::memory - device_memory.total) return cudaErrorMemoryAllocation;
    *pointer = device_memory.add(bytes);
    std::memset(*pointer, 0xff, bytes);
    poison(*pointer, bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaFree(void* pointer) {
  return call([&] {
    if (!pointer) return cudaSuccess;
    if (const cudaError_t error = refuse_in_capture()) return error;
    ++state().host_waits;
    const cudaError_t error = drain();  // free in any case: the caller will not repeat the call
    if (const auto room = device_memory.room(pointer)) unpoison(pointer, *room);
    return device_memory.remove(pointer) ? error : cudaErrorInvalidValue;
  });
}

cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) {
  return call([&] {
    *pointer = nullptr;
    if (state().sticky != cudaSuccess || bytes == 0) return state().sticky;
    if (const cudaError_t error = refuse_in_capture()) return error;
    *pointer = pinned_memory.add(bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaFreeHost(void* pointer) {
  return call([&] {
    if (!pointer) return cudaSuccess;
    if (const cudaError_t error = refuse_in_capture()) return error;
    const cudaError_t error = drain();
    return pinned_memory.remove(pointer) ? error : cudaErrorInvalidValue;
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  return call([&] {
    attributes->device = 0;
    attributes->type = device_memory.room(pointer)   ? cudaMemoryTypeDevice
                       : pinned_memory.room(pointer) ? cudaMemoryTypeHost
                                                     : cudaMemoryTypeUnregistered;
    return cudaSuccess;
  });
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return call([&] {
    *total = DeviceLimits::memory;
    *free = *total - device_memory.total;
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);  // work of the legacy stream completes during the call
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return call([&] { return queue_copy(area(to, bytes, bytes, 1), area(from, bytes, bytes, 1), kind, stream); });
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return call([&] {
    return queue_copy(area(to, to_pitch, width, height), area(from, from_pitch, width, height), kind, stream);
  });
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return call([&] { return queue_set(area(to, bytes, bytes, 1), value, stream); });
}

cudaError_t cudaMemset2DAsync(void* to, std::size_t pitch, int value, std::size_t width, std::size_t height,
                              cudaStream_t stream) {
  return call([&] { return queue_set(area(to, pitch, width, height), value, stream); });
}
