// SPDX-License-Identifier: MIT
// 16-bit floats in memory, which convert to float.
#pragma once

#include <rondo/version.hpp>

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

#include <cstdint>

namespace rondo::inline RONDO_ABI::cuda {

struct Bf16Value {
  std::uint16_t bits;
  __device__ operator float() const { return device::widen(device::Bf16{}, bits); }
};

struct Fp16Value {
  static constexpr float kLargest = 65504;
  std::uint16_t bits;

  Fp16Value() = default;
  /// Rounds; beyond the range it is the largest number. NaN stays.
  __device__ explicit Fp16Value(float value)
      : bits(device::round_to(device::Fp16{}, value > kLargest    ? kLargest
                                              : value < -kLargest ? -kLargest
                                                                  : value)) {}
  __device__ operator float() const { return device::widen(device::Fp16{}, bits); }
};

}  // namespace rondo::inline RONDO_ABI::cuda
