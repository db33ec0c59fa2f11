// SPDX-License-Identifier: MIT
// Buffer: the only owning array type. Its capacity never shrinks, so a loop over batches of varying shape stops
// allocating after the largest batch.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// An array of `size()` values of T in the memory of Device, aligned to 64 bytes on the CPU. Copies are deep. The
/// general template is only a compile-time error: a backend specialises it.
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

/// An array in host memory.
template <class T>
class Buffer<T, Cpu> {
 public:
  Buffer() = default;
  /// `size` values.
  explicit Buffer(Index size) { resize(size); }

  /// Changes the size. Values past the former size are unspecified. Capacity never shrinks.
  void resize(Index size) {
    if (size > static_cast<Index>(storage_.size())) storage_.resize(static_cast<std::size_t>(size));
    size_ = size;
  }

  T* data() { return storage_.data(); }              ///< first value
  const T* data() const { return storage_.data(); }  ///< first value, read-only
  Index size() const { return size_; }               ///< number of values
  T* begin() { return data(); }                      ///< iterator to the first value
  T* end() { return data() + size_; }                ///< iterator past the last value
  const T* begin() const { return data(); }          ///< iterator to the first value, read-only
  const T* end() const { return data() + size_; }    ///< iterator past the last value, read-only

 private:
  std::vector<T, detail::AlignedAllocator<T>> storage_;
  Index size_ = 0;
};

/// Sets every element of `a` to `value`.
template <class T>
void fill(Cpu, MatrixView<T> a, std::type_identity_t<T> value) {
  for (Index j = 0; j < a.cols; ++j) std::fill_n(a.data + j * a.stride, a.rows, value);
}

/// Sets column j of `a` to zero where which[j % B] is not 0. `which`: B values, on the host.
template <class T>
void clear_columns(Cpu, std::span<const std::uint8_t> which, MatrixView<T> a) {
  for (Index j = 0; j < a.cols; ++j)
    if (which[static_cast<std::size_t>(j) % which.size()] != 0) std::fill_n(a.data + j * a.stride, a.rows, T(0));
}

/// Adds `value` to the elements of `a` where `which` is not 0. `which`: one value per element, column-major, on the
/// host.
template <class T>
void add_where(Cpu, std::span<const std::uint8_t> which, std::type_identity_t<T> value, MatrixView<T> a) {
  for (Index j = 0; j < a.cols; ++j)
    for (Index i = 0; i < a.rows; ++i) a(i, j) += which[static_cast<std::size_t>(i + j * a.rows)] != 0 ? value : T(0);
}

}  // namespace rondo::inline RONDO_ABI
