// SPDX-License-Identifier: MIT
#include "staged_values.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rondo::inline RONDO_ABI::cuda {

PinnedMemory::PinnedMemory(std::size_t bytes) {
  const RelaxedCapture relaxed;
  void* data = nullptr;
  check(cudaMallocHost(&data, bytes), "cudaMallocHost");
  data_ = static_cast<std::byte*>(data);
}

PinnedMemory::~PinnedMemory() {
  if (data_) cudaFreeHost(data_);
}

StagedValues::StagedValues() {
  for (cudaEvent_t& event : copied_)
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
}

StagedValues::~StagedValues() {
  for (std::size_t n = 0; n < copied_.size(); ++n) {
    if (in_use_[n]) cudaEventSynchronize(copied_[n]);
    cudaEventDestroy(copied_[n]);
  }
}

void StagedValues::begin() {
  turn_ = 1 - turn_;
  if (std::exchange(in_use_[turn_], false)) check(cudaEventSynchronize(copied_[turn_]), "cudaEventSynchronize");
}

StagedValues::Slot StagedValues::add(std::size_t bytes) {
  const std::size_t padded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (chunks_.empty() || chunks_.back().size - chunks_.back().used < padded) {
    const std::size_t size = std::max(padded, kChunk);
    chunks_.push_back({size, 0, detail::Memory(size), {PinnedMemory(size), PinnedMemory(size)}});
  }
  Chunk& chunk = chunks_.back();
  return {chunks_.size() - 1, std::exchange(chunk.used, chunk.used + padded), bytes};
}

void StagedValues::write(const Slot& slot, const void* host) {
  if (slot.bytes > 0) std::memcpy(chunks_[slot.chunk].host[turn_].data() + slot.offset, host, slot.bytes);
}

const void* StagedValues::address(const Slot& slot) const {
  return static_cast<const std::byte*>(chunks_[slot.chunk].device.data()) + slot.offset;
}

void StagedValues::upload() {
  const cudaStream_t stream = context().stream;
  for (const Chunk& chunk : chunks_)
    if (chunk.used > 0)
      check(cudaMemcpyAsync(chunk.device.data(), chunk.host[turn_].data(), chunk.used, cudaMemcpyHostToDevice, stream),
            "cudaMemcpyAsync");
  check(cudaEventRecord(copied_[turn_], stream), "cudaEventRecord");
  in_use_[turn_] = true;
}

}  // namespace rondo::inline RONDO_ABI::cuda
