// SPDX-License-Identifier: MIT
// Matrix products, enqueued on the handle's stream. Both operands are first converted to the compute type; each element
// of C is then one sum with k ascending, whatever the shape.
#include "cublas_v2.h"

#include "number_formats.hpp"
#include "runtime_state.hpp"

#include <algorithm>
#include <stdexcept>

struct cublasContext {
  cudaStream_t stream = nullptr;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
  const void* workspace = nullptr;  // null: cuBLAS's own
};

namespace host_cuda {

namespace {

struct Factor {
  const void* data;
  cudaDataType type;
  std::ptrdiff_t stride;
  bool transposed;
};

struct Product {
  Factor a, b;
  void* c;
  cudaDataType c_type;
  std::ptrdiff_t ldc;
  int m, n, k;
  bool tf32;
  const void* workspace;
  std::uint64_t allocation;  // that holds the workspace
};

/// op(operand), rows x columns, contiguous.
template <class T, class Stored, class Widen>
std::vector<T> widened(const Factor& f, std::ptrdiff_t rows, std::ptrdiff_t columns, Widen widen) {
  std::vector<T> result(static_cast<std::size_t>(rows * columns));
  const auto* data = static_cast<const Stored*>(f.data);
  const std::ptrdiff_t down = f.transposed ? f.stride : 1, right = f.transposed ? 1 : f.stride;
  for (std::ptrdiff_t j = 0; j < columns; ++j)
    for (std::ptrdiff_t i = 0; i < rows; ++i)
      result[static_cast<std::size_t>(i + j * rows)] = widen(data[i * down + j * right]);
  return result;
}

template <class T>
std::vector<T> operand(const Factor& f, int rows, int columns, bool tf32) {
  if constexpr (std::is_same_v<T, double>) {
    return widened<double, double>(f, rows, columns, [](double v) { return v; });
  } else {
    if (f.type == CUDA_R_16BF) return widened<float, std::uint16_t>(f, rows, columns, bf16_to_float);
    if (f.type == CUDA_R_16F) return widened<float, std::uint16_t>(f, rows, columns, fp16_to_float);
    if (tf32 && state().truncates_tf32)
      return widened<float, float>(f, rows, columns,
                                   [](float v) { return truncate_to_tf32(std::bit_cast<std::uint32_t>(v)); });
    if (tf32) return widened<float, float>(f, rows, columns, round_to_tf32);
    return widened<float, float>(f, rows, columns, [](float v) { return v; });
  }
}

/// sums (rows x kColumns) += a (rows x k, lda) b (k x kColumns, ldb). Four columns share the loads of a.
constexpr int kColumns = 4;
template <class T>
void multiply_strip(T* __restrict__ sums, const T* __restrict__ a, std::ptrdiff_t lda, const T* __restrict__ b,
                    std::ptrdiff_t ldb, int rows, int k) {
  for (int l = 0; l < k; ++l) {
    const T* column = a + l * lda;
    const T b0 = b[l], b1 = b[l + ldb], b2 = b[l + 2 * ldb], b3 = b[l + 3 * ldb];
    for (int i = 0; i < rows; ++i) {
      sums[i] += column[i] * b0;
      sums[i + rows] += column[i] * b1;
      sums[i + 2 * rows] += column[i] * b2;
      sums[i + 3 * rows] += column[i] * b3;
    }
  }
}

/// sum + beta c, in the type of the result.
template <class T, class Stored, class Widen, class Round>
void store(void* c, std::ptrdiff_t at, T sum, T beta, Widen widen, Round round) {
  Stored& place = static_cast<Stored*>(c)[at];
  place = round(beta == T{0} ? sum : sum + beta * widen(place));  // with beta = 0, C is written and not read
}

template <class T>
void store(const Product& p, std::ptrdiff_t at, T sum, T beta) {
  if constexpr (std::is_same_v<T, float>) {
    if (p.c_type == CUDA_R_16BF) return store<T, std::uint16_t>(p.c, at, sum, beta, bf16_to_float, float_to_bf16);
    if (p.c_type == CUDA_R_16F) return store<T, std::uint16_t>(p.c, at, sum, beta, fp16_to_float, float_to_fp16);
  }
  store<T, T>(
      p.c, at, sum, beta, [](T v) { return v; }, [](T v) { return v; });
}

template <class T>
void multiply(const Product& p, T alpha, T beta) {
  count_multiply_adds(static_cast<std::uint64_t>(p.m) * static_cast<std::uint64_t>(p.n) *
                      static_cast<std::uint64_t>(p.k));
  const std::vector<T> a = operand<T>(p.a, p.m, p.k, p.tf32);
  std::vector<T> b = operand<T>(p.b, p.k, p.n, p.tf32);
  b.resize(b.size() + static_cast<std::size_t>(kColumns) * static_cast<std::size_t>(p.k));  // padded to whole strips
  constexpr int kRows = 256;  // per strip, so that its sums stay in L1
  std::vector<T> sums(kRows * kColumns);
  for (int i0 = 0; i0 < p.m; i0 += kRows) {
    const int rows = std::min(kRows, p.m - i0);
    for (int j0 = 0; j0 < p.n; j0 += kColumns) {
      std::fill(sums.begin(), sums.end(), T{0});
      multiply_strip(sums.data(), a.data() + i0, p.m, b.data() + std::ptrdiff_t{j0} * p.k, p.k, rows, p.k);
      for (int j = 0; j < std::min(kColumns, p.n - j0); ++j)
        for (int i = 0; i < rows; ++i)
          store(p, i0 + i + (j0 + j) * p.ldc, alpha * sums[static_cast<std::size_t>(i + j * rows)], beta);
    }
  }
}

template <class T>
cudaError_t queue(cudaStream_t stream, const Product& product, const void* alpha, const void* beta) {
  return call([&] {
    if (const CUstream_st* s = find(stream); s && !on_current_device(*s)) return cudaErrorInvalidResourceHandle;
    return submit(stream, [=, alpha = *static_cast<const T*>(alpha), beta = *static_cast<const T*>(beta)] {
      if (product.workspace && allocation_of(product.workspace) != product.allocation)
        throw std::runtime_error("a product runs after its workspace was freed");
      multiply(product, alpha, beta);
    });
  });
}

}  // namespace

void truncate_tf32(bool truncate) {
  const std::lock_guard guard(state().lock);
  state().truncates_tf32 = truncate;
}

}  // namespace host_cuda

using namespace host_cuda;

const char* cublasGetStatusName(cublasStatus_t status) {
#define HOST_CUBLAS_CASE(name, value, text) \
  case name:                                \
    return #name;
  switch (status) { HOST_CUBLAS_STATUSES(HOST_CUBLAS_CASE) }
#undef HOST_CUBLAS_CASE
  return "unrecognized status";
}

const char* cublasGetStatusString(cublasStatus_t status) {
#define HOST_CUBLAS_CASE(name, value, text) \
  case name:                                \
    return text;
  switch (status) { HOST_CUBLAS_STATUSES(HOST_CUBLAS_CASE) }
#undef HOST_CUBLAS_CASE
  return "unrecognized status";
}

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->stream = stream;
  handle->workspace = nullptr;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t* stream) {
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  *stream = handle->stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, std::size_t bytes) {
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->workspace = workspace;
  return workspace || bytes == 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->math = mode;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode) {
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  return mode == CUBLAS_POINTER_MODE_HOST ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
                            const void* alpha, const void* a, cudaDataType a_type, int lda, const void* b,
                            cudaDataType b_type, int ldb, const void* beta, void* c, cudaDataType c_type, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t) {
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  const bool a_transposed = op_a != CUBLAS_OP_N, b_transposed = op_b != CUBLAS_OP_N;
  if (m < 0 || n < 0 || k < 0 || !alpha || !beta || lda < std::max(1, a_transposed ? k : m) ||
      ldb < std::max(1, b_transposed ? n : k) || ldc < std::max(1, m))
    return CUBLAS_STATUS_INVALID_VALUE;
  const bool in_double = compute == CUBLAS_COMPUTE_64F || compute == CUBLAS_COMPUTE_64F_PEDANTIC;
  const bool floats = a_type == CUDA_R_32F || a_type == CUDA_R_16F || a_type == CUDA_R_16BF;
  if (a_type != b_type || (in_double ? a_type != CUDA_R_64F : !floats) ||
      (in_double ? c_type != CUDA_R_64F : c_type != CUDA_R_32F && c_type != a_type))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if (m == 0 || n == 0) return CUBLAS_STATUS_SUCCESS;
  const bool tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
                    (compute == CUBLAS_COMPUTE_32F && handle->math == CUBLAS_TF32_TENSOR_OP_MATH);
  const Product product{
      {a, a_type, lda, a_transposed},  {b, b_type, ldb, b_transposed}, c, c_type, ldc, m, n, k, tf32, handle->workspace,
      allocation_of(handle->workspace)};
  const cudaError_t error = in_double ? queue<double>(handle->stream, product, alpha, beta)
                                      : queue<float>(handle->stream, product, alpha, beta);
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
