// SPDX-License-Identifier: MIT
// Buffer: the only type that owns numbers. It grows and never shrinks, so that a loop over batches of varying shape
// stops allocating once it has seen the largest.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/view.hpp>

#include <algorithm>
#include <cstddef>
#include <new>
#include <type_traits>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// `size()` values of T in the memory of Device. Copies are deep.
template <class T, class Device = Cpu>
class Buffer {
  static_assert(backend_included<Device>,
                "rondo: this backend is not included: #include <rondo/cuda.hpp> and link rondo::cuda");
};

namespace detail {

/// 64 bytes: a cache line and the widest vector register.
template <class T>
struct AlignedAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};

  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}

  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kAlignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, kAlignment); }
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};

}  // namespace detail

template <class T>
class Buffer<T, Cpu> {
 public:
  Buffer() = default;
  explicit Buffer(Index size) { resize(size); }

  /// Contents past the former size are unspecified.
  void resize(Index size) {
    if (size > static_cast<Index>(storage_.size())) storage_.resize(static_cast<std::size_t>(size));
    size_ = size;
  }

  T* data() { return storage_.data(); }
  const T* data() const { return storage_.data(); }
  Index size() const { return size_; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }

 private:
  std::vector<T, detail::AlignedAllocator<T>> storage_;
  Index size_ = 0;
};

/// Every element of a = value.
template <class T>
void fill(Cpu, MatrixView<T> a, std::type_identity_t<T> value) {
  for (Index j = 0; j < a.cols; ++j) std::fill_n(a.data + j * a.stride, a.rows, value);
}

}  // namespace rondo::inline RONDO_ABI
