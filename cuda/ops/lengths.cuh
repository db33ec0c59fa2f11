// SPDX-License-Identifier: MIT
// The lengths of a ragged batch, for kernels.
#pragma once

#include "../launch.cuh"

#include <span>

namespace rondo::inline RONDO_ABI::cuda {

/// Column b + B * t is step t of sequence b.
struct Lengths {
  const Index* of;  // B of them, on the device; null: all have `time` steps
  Index batch, time;

  __device__ Index length(Index b) const { return of == nullptr ? time : of[b]; }
  __device__ bool active(Index column) const { return of == nullptr || column / batch < of[column % batch]; }
};

/// `lengths`: empty, or one for each of the B sequences, on the host.
inline Lengths upload_lengths(std::span<const Index> lengths, Index batch, Index time) {
  const Index* of = lengths.empty() ? nullptr : upload_scratch(Scratch::lengths, lengths.data(), batch);
  return {of, batch, time};
}

}  // namespace rondo::inline RONDO_ABI::cuda
