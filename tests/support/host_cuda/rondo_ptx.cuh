// SPDX-License-Identifier: MIT
// The host's implementation of cuda/ptx/rondo_ptx.cuh: the same functions, with the executor in place of PTX. See there
// for their specification.
#pragma once

#include "cuda_runtime.h"
#include "host_cuda.hpp"
#include "number_formats.hpp"

#include <rondo/version.hpp>

#include <cmath>
#include <cstdint>

namespace rondo::inline RONDO_ABI::cuda::device {

template <class T>
__device__ T* shared_memory() {
  return static_cast<T*>(host_cuda::here.shared);
}

// One OS thread: memory is always coherent.
template <class T>
__device__ T load_l2(const T* from) {
  static_assert(sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
  return *from;
}
template <class T>
__device__ void store_l2(T* to, T value) {
  static_assert(sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
  *to = value;
}

// ---- barriers wider than a block ------------------------------------------------------------------------------------

__device__ inline void grid_arrive(unsigned*, unsigned&) { host_cuda::arrive_grid(); }
__device__ inline void grid_wait(const unsigned*, unsigned, unsigned) { host_cuda::wait_grid(); }

inline constexpr bool kHasClusters = true;
__device__ inline unsigned cluster_rank() { return host_cuda::here.cluster_rank; }
__device__ inline unsigned cluster_blocks() { return host_cuda::here.cluster_blocks; }
__device__ inline void cluster_barrier() { host_cuda::sync_cluster(); }
__device__ inline void cluster_arrive() { host_cuda::arrive_cluster(); }
__device__ inline void cluster_wait() { host_cuda::wait_cluster(); }

template <class T>
__device__ void store_peer(T* mine, unsigned rank, T value) {
  *static_cast<T*>(host_cuda::peer_address(mine, sizeof(T), rank)) = value;
}

// ---- polled data and asynchronous stores ----------------------------------------------------------------------------

// A write is ordered after the reads on which its value depends, and the same for a read and the accesses that depend
// on its value. C++ has no such order; acquire and release is the next stronger one.
__device__ inline uint4 load_relaxed(const uint4* p) {
  const auto load = [](const unsigned& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); };
  return {load(p->x), load(p->y), load(p->z), load(p->w)};
}
__device__ inline void store_relaxed(std::uint32_t* p, std::uint32_t value) {
  __atomic_store_n(p, value, __ATOMIC_RELEASE);
  host_cuda::progress();
}

class Polls {
 public:
  __device__ explicit Polls(const char* what) : what_(what) {}
  __device__ void wait() { host_cuda::poll(what_); }

 private:
  const char* what_;
};

__device__ inline void jitter() { host_cuda::delay(); }

struct TransactionBarrier {
  std::uint64_t state;
};
__device__ inline void initialise(TransactionBarrier* barrier) { host_cuda::initialise_transactions(barrier); }
__device__ inline void expect(TransactionBarrier* barrier, int bytes) {
  host_cuda::expect_transactions(barrier, bytes);
}
__device__ inline void wait(TransactionBarrier* barrier, unsigned parity) {
  host_cuda::wait_for_transactions(barrier, parity);
}
template <class T>
__device__ void store_async(T* mine, unsigned rank, T value, TransactionBarrier* barrier) {
  store_peer(mine, rank, value);
  host_cuda::complete_transactions(host_cuda::peer_address(barrier, sizeof *barrier, rank), sizeof(T));
}

// ---- tile products --------------------------------------------------------------------------------------------------

struct Bf16 {};
struct Fp16 {};
struct Tf32 {};

__device__ inline float widen(Bf16, std::uint16_t v) { return host_cuda::bf16_to_float(v); }
__device__ inline float widen(Fp16, std::uint16_t v) { return host_cuda::fp16_to_float(v); }
__device__ inline std::uint16_t round_to(Bf16, float v) { return host_cuda::float_to_bf16(v); }
__device__ inline std::uint16_t round_to(Fp16, float v) { return host_cuda::float_to_fp16(v); }
__device__ inline float round_to(Tf32, float v) { return host_cuda::round_to_tf32(v); }

/// As wrong as the instruction may be: the mantissa is rounded to 11 bits.
__device__ inline float approximate_tanh(float x) {
  int exponent = 0;
  const float mantissa = std::frexp(std::tanh(x), &exponent);  // 0.5 to 1
  return std::ldexp(std::round(std::ldexp(mantissa, 11)), exponent - 11);
}

namespace detail {

// Layout of fragments as in PTX. Lane 4g + t has rows g (words 0, 2) and g + 8 (1, 3) of A, column g of B, and of D
// rows g and g + 8 at columns 2t and 2t + 1. Words 0 and 1 of A and word 0 of B belong to the lower half of K, the
// others to the upper; in each half, lane t has the t-th word, with two 16-bit values or one 32-bit value.

template <class Format>
struct Words {  // two values per word, the lower bits first
  static constexpr int values = 2;
  static float value(std::uint32_t word, int i) {
    return widen(Format{}, static_cast<std::uint16_t>(word >> (16 * i)));
  }
};
template <>
struct Words<Tf32> {
  static constexpr int values = 1;
  static float value(std::uint32_t word, int) { return host_cuda::truncate_to_tf32(word); }
};

/// Products are exact in float; they are added to d in order, k ascending. A tensor core has a different order and
/// different rounding.
template <class Format>
void multiply_tile(const char* name, float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  const auto& warp = host_cuda::exchange(name, 0xffffffff, {a[0], a[1], a[2], a[3], b[0], b[1]});
  if (host_cuda::lanes() != 32) host_cuda::fail("multiply_tile() requires a full warp");
  const unsigned g = host_cuda::here.lane / 4, t = host_cuda::here.lane % 4;
  const auto *left = &warp[4 * g], *right = &warp[4 * (2 * t)];  // four lanes for a row of A; for a column of B
  for (unsigned half = 0; half < 2; ++half)
    for (unsigned word = 0; word < 4; ++word)
      for (int i = 0; i < Words<Format>::values; ++i) {
        const float upper = Words<Format>::value(left[word][2 * half], i);
        const float lower = Words<Format>::value(left[word][2 * half + 1], i);
        const float b0 = Words<Format>::value(right[word][4 + half], i);
        const float b1 = Words<Format>::value(right[word + 4][4 + half], i);
        d[0] += upper * b0, d[1] += upper * b1;
        d[2] += lower * b0, d[3] += lower * b1;
      }
  if (host_cuda::tile_products_are_wrong()) d[0] += 0.25f;
  if (host_cuda::here.lane == 0) host_cuda::count_multiply_adds(16 * 8 * 8 * Words<Format>::values);
}

}  // namespace detail

__device__ inline void multiply_tile(Bf16, float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  detail::multiply_tile<Bf16>("multiply_tile(Bf16)", d, a, b);
}
__device__ inline void multiply_tile(Fp16, float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  detail::multiply_tile<Fp16>("multiply_tile(Fp16)", d, a, b);
}
__device__ inline void multiply_tile(Tf32, float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  detail::multiply_tile<Tf32>("multiply_tile(Tf32)", d, a, b);
}

}  // namespace rondo::inline RONDO_ABI::cuda::device
