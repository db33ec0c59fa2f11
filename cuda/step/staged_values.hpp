// SPDX-License-Identifier: MIT
// The values of a step that the host computes anew each time, in device memory at fixed addresses. They are gathered in
// pinned memory and copied all at once. Plain C++.
#pragma once

#include "../runtime.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

/// Pinned memory: the device reads it when the stream gets there.
class PinnedMemory {
 public:
  explicit PinnedMemory(std::size_t bytes);
  ~PinnedMemory();
  PinnedMemory(PinnedMemory&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  PinnedMemory& operator=(PinnedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
};

class StagedValues {
 public:
  StagedValues();
  ~StagedValues();
  StagedValues(const StagedValues&) = delete;
  StagedValues& operator=(const StagedValues&) = delete;

  /// Before the values of a step are written. Waits until the device has read those of the step before the last one,
  /// whose pinned memory this step uses.
  void begin();

  struct Slot {
    std::size_t chunk, offset, bytes;
  };
  /// A new slot.
  Slot add(std::size_t bytes);
  void write(const Slot& slot, const void* host);
  /// Its address on the device.
  const void* address(const Slot& slot) const;

  /// Enqueues the copy of all values that were written.
  void upload();

 private:
  static constexpr std::size_t kChunk = std::size_t{1} << 20, kAlignment = 16;  // bytes

  struct Chunk {
    std::size_t size, used;
    detail::Memory device;
    std::array<PinnedMemory, 2> host;  // of this step and of the one before
  };
  std::vector<Chunk> chunks_;
  std::size_t turn_ = 0;                 // of the two
  std::array<cudaEvent_t, 2> copied_{};  // recorded after their last copy
  std::array<bool, 2> in_use_{};         // whether it was, since begin()
};

}  // namespace rondo::inline RONDO_ABI::cuda
