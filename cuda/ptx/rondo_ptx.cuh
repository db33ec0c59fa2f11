// SPDX-License-Identifier: MIT
// Inline PTX wrappers, and other device code without an equivalent in C++: dynamic shared memory, loads that bypass L1,
// barriers over a grid and a cluster, distributed shared memory, asynchronous stores that a barrier counts, tile
// products on tensor cores, the approximate tanh. Instructions and fragment layouts: NVIDIA, "PTX ISA" 8.0 and later.
// The tests have the same functions in plain C++ to run the kernels on the CPU.
#pragma once

#include <rondo/version.hpp>

#include <cuda_runtime.h>

#include <cstdint>

namespace rondo::inline RONDO_ABI::cuda::device {

// ---- memory

/// The block's dynamic shared memory, aligned to 128 bytes.
template <class T>
__device__ T* shared_memory() {
  extern __shared__ __align__(128) unsigned char dynamic_shared[];
  return reinterpret_cast<T*>(dynamic_shared);
}

/// Reads and writes that bypass L1, which is not coherent across multiprocessors. T has 2, 4, 8 or 16 bytes.
template <class T>
__device__ T load_l2(const T* p) {
  return __ldcg(p);
}
template <class T>
__device__ void store_l2(T* p, T value) {
  __stcg(p, value);
}

// ---- barriers

/// Barrier of all threads of all blocks of a cooperative launch, split into arrive and wait: writes before the arrival
/// are visible after the wait. `arrived` is one zeroed word of global memory; `round` is a counter of the thread, 0 at
/// first.
__device__ inline void grid_arrive(unsigned* arrived, unsigned& round) {
  ++round;
  __syncthreads();
  if (threadIdx.x == 0) asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(arrived) : "memory");
}
__device__ inline void grid_wait(const unsigned* arrived, unsigned blocks, unsigned round) {
  if (threadIdx.x == 0) {
    const unsigned all = round * blocks;  // both counters wrap around: compare their difference
    unsigned now;
    do {
      asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(arrived) : "memory");
    } while (static_cast<int>(now - all) < 0);
  }
  __syncthreads();
}

/// Whether the target architecture has clusters.
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
inline constexpr bool kHasClusters = true;
#else
inline constexpr bool kHasClusters = false;
#endif

/// Rank of this block in its cluster, and the number of blocks in the cluster.
__device__ inline unsigned cluster_rank() {
  unsigned rank = 0;
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
#endif
  return rank;
}
__device__ inline unsigned cluster_blocks() {
  unsigned blocks = 1;
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  asm volatile("mov.u32 %0, %%cluster_nctarank;" : "=r"(blocks));
#endif
  return blocks;
}

/// Barrier of all threads of a cluster, split into arrive and wait: writes before the arrival are visible after the
/// wait. Requires converged warps, hence the __syncwarp.
__device__ inline void cluster_arrive() {
  __syncwarp();
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}
__device__ inline void cluster_wait() {
  __syncwarp();
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}
__device__ inline void cluster_barrier() {
  cluster_arrive();
  cluster_wait();
}

/// Stores to the shared memory of block `rank` of the cluster, at the address that corresponds to `mine` in this
/// block's. T has 4, 8 or 16 bytes.
template <class T>
__device__ void store_peer(T* mine, unsigned rank, T value) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  const auto own = static_cast<unsigned>(__cvta_generic_to_shared(mine));
  unsigned theirs;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(theirs) : "r"(own), "r"(rank));
  const auto* words = reinterpret_cast<const unsigned*>(&value);
  if constexpr (sizeof(T) == 4)
    asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(theirs), "r"(words[0]) : "memory");
  else if constexpr (sizeof(T) == 8)
    asm volatile("st.shared::cluster.v2.u32 [%0], {%1, %2};" ::"r"(theirs), "r"(words[0]), "r"(words[1]) : "memory");
  else
    asm volatile("st.shared::cluster.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(theirs), "r"(words[0]), "r"(words[1]),
                 "r"(words[2]), "r"(words[3])
                 : "memory");
#endif
}

// ---- data that is polled, and asynchronous stores, for kernels without barriers

/// Reads and writes of words that other blocks write and read at the same time. Each word is read as it was before a
/// write or after it. They order no other accesses; a write is only ordered after the reads on which its value depends.
__device__ inline uint4 load_relaxed(const uint4* p) {
  uint4 v;
  asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(p)
               : "memory");
  return v;
}
__device__ inline void store_relaxed(std::uint32_t* p, std::uint32_t value) {
  asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(value) : "memory");
}

/// Counts the polls of a loop that waits for `what`. Too many of them, which take about ten seconds, end the kernel
/// with an error, where a fault would otherwise let it run for ever.
class Polls {
 public:
  __device__ explicit Polls(const char* /*what*/) {}
  __device__ void wait() {
    if (++count_ == 1u << 24) __trap();
  }

 private:
  unsigned count_ = 0;
};

/// A place where a test may delay a warp for a random time, to find results that depend on the order of blocks: with
/// RONDO_CUDA_JITTER for up to 4 us, else for none.
__device__ inline void jitter() {
#if defined(RONDO_CUDA_JITTER) && defined(__CUDA_ARCH__)
  std::uint32_t hash =
      static_cast<std::uint32_t>(clock64()) * 0x9e3779b9u ^ blockIdx.x * 0x85ebca6bu ^ threadIdx.x / 32;
  hash = (hash ^ hash >> 16) * 0x45d9f3bu;
  hash ^= hash >> 16;
  if (hash % 8 == 0) __nanosleep(hash >> 20);
#endif
}

/// An object in shared memory on which threads wait for bytes that asynchronous stores write: an mbarrier. Each phase
/// ends when one thread has called `expect` and all the bytes have arrived, in either order.
struct TransactionBarrier {
  std::uint64_t state;
};

/// To be called by one thread, and followed by a barrier of the cluster.
__device__ inline void initialise(TransactionBarrier* barrier) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(barrier));
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(address) : "memory");
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

/// The current phase ends after `bytes` bytes. To be called by one thread, once in a phase.
__device__ inline void expect(TransactionBarrier* barrier, int bytes) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(barrier));
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address), "r"(bytes) : "memory");
#endif
}

/// Waits for the end of the phase of this parity: 0 for the first one. The bytes are then visible to this thread.
__device__ inline void wait(TransactionBarrier* barrier, unsigned parity) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(barrier));
  unsigned done = 0;
  for (Polls polls("a barrier of transactions");; polls.wait()) {
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(address), "r"(parity)
        : "memory");
    if (done) return;
  }
#endif
}

/// Stores to the shared memory of block `rank` of the cluster, at the address that corresponds to `mine`, and adds the
/// bytes to that block's `barrier`. T has 8 or 16 bytes.
template <class T>
__device__ void store_async(T* mine, unsigned rank, T value, TransactionBarrier* barrier) {
  static_assert(sizeof(T) == 8 || sizeof(T) == 16);
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  const auto to_peer = [&](const void* own) {
    unsigned theirs;
    asm("mapa.shared::cluster.u32 %0, %1, %2;"
        : "=r"(theirs)
        : "r"(static_cast<unsigned>(__cvta_generic_to_shared(own))), "r"(rank));
    return theirs;
  };
  const auto* words = reinterpret_cast<const unsigned*>(&value);
  if constexpr (sizeof(T) == 8)
    asm volatile(
        "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.u32 [%0], {%1, %2}, [%3];" ::"r"(to_peer(mine)),
        "r"(words[0]), "r"(words[1]), "r"(to_peer(barrier))
        : "memory");
  else
    asm volatile(
        "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.u32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(
            to_peer(mine)),
        "r"(words[0]), "r"(words[1]), "r"(words[2]), "r"(words[3]), "r"(to_peer(barrier))
        : "memory");
#endif
}

// ---- 16-bit floats, and tf32 (19 bits)

struct Bf16 {};
struct Fp16 {};
struct Tf32 {};

/// Rounding to nearest: ties to even for bf16 and fp16, away from zero for tf32.
__device__ inline std::uint16_t round_to(Bf16, float value) {
  std::uint16_t bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ inline std::uint16_t round_to(Fp16, float value) {
  std::uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ inline float round_to(Tf32, float value) {
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return __uint_as_float(bits);
}

__device__ inline float widen(Bf16, std::uint16_t bits) { return __uint_as_float(std::uint32_t{bits} << 16); }
__device__ inline float widen(Fp16, std::uint16_t bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

/// tanh with a relative error of at most 2^-11, in one instruction.
__host__ __device__ inline float approximate_tanh(float x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return ::tanhf(x);
#endif
}

// ---- tile products of a warp: d (16 x 8) += a (16 x K) b (K x 8). With group = lane / 4 and place = lane % 4, a lane
// holds rows group and group + 8 of d, each in columns 2 place and 2 place + 1; the same rows of a; column group of b:
//
//   K = 16, two elements per register   k = 2 place, 2 place + 1, and the same + 8   a: row, row + 8, then both at k +
//   8 K = 8, one float per register       k = place, and place + 4

__device__ inline void multiply_tile(Bf16, float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ inline void multiply_tile(Fp16, float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ inline void multiply_tile(Tf32, float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace rondo::inline RONDO_ABI::cuda::device
