// SPDX-License-Identifier: MIT
// Arrays in device memory. Copies are deep and, like all work, ordered on the calling thread's stream.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cuda/context.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI {

namespace cuda::detail {

/// Bytes of device memory. The destructor waits for work that uses them.
class Memory {
 public:
  Memory() = default;
  explicit Memory(std::size_t bytes);
  ~Memory();
  Memory(Memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

void copy_bytes(const void* from, void* to, std::size_t bytes);

}  // namespace cuda::detail

template <class T>
class Buffer<T, Cuda> {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  explicit Buffer(Index size) { resize(size); }
  Buffer(const Buffer& other) { *this = other; }
  Buffer(Buffer&& other) noexcept : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    std::swap(size_, other.size_);
    return *this;
  }
  Buffer& operator=(const Buffer& other) {
    if (this == &other) return *this;
    resize(other.size_);
    cuda::detail::copy_bytes(other.data(), data(), static_cast<std::size_t>(size_) * sizeof(T));
    return *this;
  }

  /// Contents are unspecified after growth; the capacity never shrinks.
  void resize(Index size) {
    if (const auto bytes = static_cast<std::size_t>(size) * sizeof(T); bytes > memory_.bytes())
      memory_ = cuda::detail::Memory(bytes);
    size_ = size;
  }

  /// A device pointer: not to be dereferenced on the host.
  T* data() { return static_cast<T*>(memory_.data()); }
  const T* data() const { return static_cast<const T*>(memory_.data()); }
  Index size() const { return size_; }

 private:
  cuda::detail::Memory memory_;
  Index size_ = 0;
};

}  // namespace rondo::inline RONDO_ABI
