// SPDX-License-Identifier: MIT
// Copies, and setting device memory, as calls that a captured step can record if they stay on the device. Plain C++.
#pragma once

#include "runtime.hpp"
#include "step/step_record.hpp"

#include <cstddef>

namespace rondo::inline RONDO_ABI::cuda {

/// `rows` rows of `width` bytes, the beginnings of which are a pitch apart.
struct CopyCall {
  static constexpr bool kRepeats = true;
  void* to;
  std::size_t to_pitch;
  const void* from;
  std::size_t from_pitch, width, rows;

  bool operator==(const CopyCall&) const = default;
  const char* name() const { return rows == 1 ? "cudaMemcpyAsync" : "cudaMemcpy2DAsync"; }
  cudaError_t operator()() const { return make(cudaMemcpyDeviceToDevice); }
  cudaError_t make(cudaMemcpyKind kind) const {
    const cudaStream_t stream = context().stream;
    if (rows == 1) return cudaMemcpyAsync(to, from, width, kind, stream);
    return cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, rows, kind, stream);
  }
};

struct SetCall {
  static constexpr bool kRepeats = true;
  void* to;
  std::size_t pitch;
  int value;
  std::size_t width, rows;

  bool operator==(const SetCall&) const = default;
  cudaError_t operator()() const { return cudaMemset2DAsync(to, pitch, value, width, rows, context().stream); }
};

}  // namespace rondo::inline RONDO_ABI::cuda
