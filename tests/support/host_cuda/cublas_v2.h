// SPDX-License-Identifier: MIT
// The part of cuBLAS that Rondo calls, for the host executor: names, values and signatures as in toolkit 13
// (cublas.cpp).
#pragma once

#include "cuda_runtime_api.h"

#include <cstddef>

#define HOST_CUBLAS_STATUSES(X)                                  \
  X(CUBLAS_STATUS_SUCCESS, 0, "no error")                        \
  X(CUBLAS_STATUS_NOT_INITIALIZED, 1, "not initialized")         \
  X(CUBLAS_STATUS_ALLOC_FAILED, 3, "resource allocation failed") \
  X(CUBLAS_STATUS_INVALID_VALUE, 7, "invalid value")             \
  X(CUBLAS_STATUS_EXECUTION_FAILED, 13, "execution failed")      \
  X(CUBLAS_STATUS_NOT_SUPPORTED, 15, "not supported")

#define HOST_CUBLAS_ENUMERATOR(name, value, text) name = value,
enum cublasStatus_t { HOST_CUBLAS_STATUSES(HOST_CUBLAS_ENUMERATOR) };
#undef HOST_CUBLAS_ENUMERATOR

enum cublasOperation_t { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1, CUBLAS_OP_C = 2 };
enum cublasPointerMode_t { CUBLAS_POINTER_MODE_HOST = 0, CUBLAS_POINTER_MODE_DEVICE = 1 };
enum cublasGemmAlgo_t { CUBLAS_GEMM_DEFAULT = -1 };
enum cublasMath_t {
  CUBLAS_DEFAULT_MATH = 0,
  CUBLAS_PEDANTIC_MATH = 2,
  CUBLAS_TF32_TENSOR_OP_MATH = 3,
  CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION = 16
};
enum cublasComputeType_t {
  CUBLAS_COMPUTE_32F = 68,
  CUBLAS_COMPUTE_32F_PEDANTIC = 69,
  CUBLAS_COMPUTE_32F_FAST_TF32 = 77,
  CUBLAS_COMPUTE_64F = 70,
  CUBLAS_COMPUTE_64F_PEDANTIC = 71
};
enum cudaDataType_t {
  CUDA_R_32F = 0,
  CUDA_R_64F = 1,
  CUDA_R_16F = 2,
  CUDA_R_8I = 3,
  CUDA_R_32I = 10,
  CUDA_R_16BF = 14
};
using cudaDataType = cudaDataType_t;

using cublasHandle_t = struct cublasContext*;

const char* cublasGetStatusName(cublasStatus_t status);
const char* cublasGetStatusString(cublasStatus_t status);
cublasStatus_t cublasCreate(cublasHandle_t* handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t* stream);
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, std::size_t bytes);
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);
cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode);

/// C (m x n) = alpha op(A) (m x k) op(B) (k x n) + beta C, column-major. alpha and beta have the compute type,
/// on the host. A and B: CUDA_R_64F, 32F, 16BF or 16F, the same for both; C: 64F for 64F, otherwise 32F or the
/// type of A and B.
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
                            const void* alpha, const void* a, cudaDataType a_type, int lda, const void* b,
                            cudaDataType b_type, int ldb, const void* beta, void* c, cudaDataType c_type, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t algorithm);
