// SPDX-License-Identifier: MIT
// Matrix products by cuBLAS, which is column-major like the views.
#pragma once

#include "../runtime.hpp"

#include <rondo/core/operations.hpp>
#include <rondo/core/precision.hpp>

namespace rondo::inline RONDO_ABI::cuda {

/// Types of the operands of a product and of its result, and the cuBLAS compute type.
struct GemmTypes {
  cudaDataType_t type;
  cublasComputeType_t compute;
  cudaDataType_t result;
  bool operator==(const GemmTypes&) const = default;

  /// The same product, whose result is an operand of others.
  GemmTypes to_operand() const { return {type, compute, type}; }
};

/// Operands of float or double, not rounded in memory; `tf32` lets the tensor cores round them.
template <class Scalar>
GemmTypes gemm_types_of(Precision precision = Precision::fp32) {
  if constexpr (sizeof(Scalar) == 8)
    return {CUDA_R_64F, CUBLAS_COMPUTE_64F, CUDA_R_64F};
  else
    return {CUDA_R_32F, precision == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F};
}

/// Operands of 16 bits, fp16 or else bf16, summed in float; the result is float.
inline GemmTypes gemm_types_of_16_bit(bool fp16) {
  return {fp16 ? CUDA_R_16F : CUDA_R_16BF, CUBLAS_COMPUTE_32F, CUDA_R_32F};
}

/// A matrix operand; GemmTypes has its element type.
struct GemmOperand {
  const void* data;
  Index rows, cols, stride;
  bool operator==(const GemmOperand&) const = default;
};

template <class T>
GemmOperand gemm_operand(MatrixView<T> a) {
  return {a.data, a.rows, a.cols, a.stride};
}

/// c = op(a) * op(b) + beta c, beta 0 or 1; c is not read where beta is 0.
void multiply(const GemmTypes& types, Op op_a, Op op_b, const GemmOperand& a, const GemmOperand& b, double beta,
              void* c, Index stride_c, Index rows, Index cols);

}  // namespace rondo::inline RONDO_ABI::cuda
