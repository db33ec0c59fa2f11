// SPDX-License-Identifier: MIT
// cublasGemmEx of the host executor against a triple loop in double.
#include "fixture.hpp"

#include <cublas_v2.h>
#include <number_formats.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <tuple>

using namespace host_cuda_test;

namespace {

struct Blas {
  Blas() { REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS); }
  ~Blas() { cublasDestroy(handle); }
  cublasHandle_t handle = nullptr;
};

template <class T>
T store(float v) {
  return static_cast<T>(v);
}
struct Bf16 {
  std::uint16_t word;
  operator double() const { return host_cuda::bf16_to_float(word); }
};
struct Fp16 {
  std::uint16_t word;
  operator double() const { return host_cuda::fp16_to_float(word); }
};
template <>
Bf16 store<Bf16>(float v) {
  return {host_cuda::float_to_bf16(v)};
}
template <>
Fp16 store<Fp16>(float v) {
  return {host_cuda::float_to_fp16(v)};
}

template <class T>
std::vector<T> random_values(std::size_t count, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<T> values(count);
  for (T& v : values) v = store<T>(uniform(random));
  return values;
}

// Operands of type In, result of type Out; strides larger than necessary, with gaps that must not be accessed.
template <class In, class Out>
void check_product(cudaDataType in, cudaDataType out, cublasComputeType_t compute, int m, int n, int k, bool ta,
                   bool tb, Out alpha, Out beta, bool tf32 = false, cublasMath_t math = CUBLAS_DEFAULT_MATH) {
  CAPTURE(in, m, n, k, ta, tb, beta);
  const Fresh fresh;
  std::mt19937 random(static_cast<unsigned>(m + 10 * n + 100 * k));
  const int lda = (ta ? k : m) + 3, ldb = (tb ? n : k) + 1, ldc = m + 2;
  const auto a = random_values<In>(static_cast<std::size_t>(lda * (ta ? m : k)), random);
  const auto b = random_values<In>(static_cast<std::size_t>(ldb * (tb ? k : n)), random);
  auto c = random_values<Out>(static_cast<std::size_t>(ldc * n), random);
  if (beta == 0) c.assign(c.size(), std::numeric_limits<Out>::quiet_NaN());
  const DeviceVector<In> device_a(a), device_b(b);
  const DeviceVector<Out> device_c(c);
  const Blas blas;
  REQUIRE(cublasSetMathMode(blas.handle, math) == CUBLAS_STATUS_SUCCESS);
  const auto op = [](bool transposed) { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
  REQUIRE(cublasGemmEx(blas.handle, op(ta), op(tb), m, n, k, &alpha, device_a.data(), in, lda, device_b.data(), in, ldb,
                       &beta, device_c.data(), out, ldc, compute, CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS);
  const auto got = device_c.host();
  const auto factor = [&](double v) { return tf32 ? double{host_cuda::round_to_tf32(static_cast<float>(v))} : v; };
  const double unit = std::is_same_v<Out, double> ? 0x1p-53 : 0x1p-24;
  unsigned wrong = 0, touched = 0;
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < ldc; ++i) {
      const auto at = static_cast<std::size_t>(i + j * ldc);
      if (i >= m) {
        touched += std::isnan(c[at]) ? !std::isnan(got[at]) : got[at] != c[at];
        continue;
      }
      long double sum = beta == 0 ? 0 : static_cast<long double>(beta) * c[at], magnitude = std::abs(sum);
      for (int l = 0; l < k; ++l) {
        const double left = factor(a[static_cast<std::size_t>(ta ? l + i * lda : i + l * lda)]);
        const double right = factor(b[static_cast<std::size_t>(tb ? j + l * ldb : l + j * ldb)]);
        const long double product = static_cast<long double>(alpha) * left * right;
        sum += product, magnitude += std::abs(product);
      }
      wrong += !(std::abs(static_cast<long double>(got[at]) - sum) <= (k + 3) * unit * magnitude);
    }
  CHECK(wrong == 0);
  CHECK(touched == 0);
}

TEST_CASE("cublasGemmEx multiplies in every combination of operations, types, alpha and beta") {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      for (const auto& [m, n, k] : {std::tuple{1, 1, 1}, {7, 5, 9}, {64, 3, 33}, {300, 6, 20}, {5, 8, 0}})
        for (const float beta : {0.0f, 1.0f, -0.5f}) {
          check_product<double, double>(CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F, m, n, k, ta, tb, 1.25, beta);
          check_product<float, float>(CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, m, n, k, ta, tb, 1.25f, beta);
          check_product<float, float>(CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_PEDANTIC, m, n, k, ta, tb, 1, beta);
          check_product<Bf16, float>(CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F, m, n, k, ta, tb, 2, beta);
          check_product<Fp16, float>(CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F, m, n, k, ta, tb, 2, beta);
        }
}

TEST_CASE("TF32 rounds the operands only if requested") {
  check_product<float, float>(CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32, 9, 7, 40, false, true, 1, 0, true);
  check_product<float, float>(CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, 9, 7, 40, false, true, 1, 0, true,
                              CUBLAS_TF32_TENSOR_OP_MATH);
  check_product<float, float>(CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_PEDANTIC, 9, 7, 40, false, true, 1, 0, false,
                              CUBLAS_TF32_TENSOR_OP_MATH);
}

TEST_CASE("cublasGemmEx rejects what cuBLAS rejects") {
  const Fresh fresh;
  const Blas blas;
  const DeviceVector<float> x(64);
  const float one = 1;
  const auto product = [&](cublasHandle_t handle, int m, int lda, int ldb, int ldc, cudaDataType type,
                           cublasComputeType_t compute = CUBLAS_COMPUTE_32F) {
    return cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_T, m, 3, 2, &one, x.data(), type, lda, x.data(), type, ldb, &one,
                        x.data(), CUDA_R_32F, ldc, compute, CUBLAS_GEMM_DEFAULT);
  };
  CHECK(product(blas.handle, 4, 4, 3, 4, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
  CHECK(product(nullptr, 4, 4, 3, 4, CUDA_R_32F) == CUBLAS_STATUS_NOT_INITIALIZED);
  CHECK(product(blas.handle, 4, 3, 3, 4, CUDA_R_32F) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(product(blas.handle, 4, 4, 2, 4, CUDA_R_32F) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(product(blas.handle, 4, 4, 3, 3, CUDA_R_32F) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(product(blas.handle, -1, 4, 3, 4, CUDA_R_32F) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(product(blas.handle, 4, 4, 3, 4, CUDA_R_64F) == CUBLAS_STATUS_NOT_SUPPORTED);
  CHECK(product(blas.handle, 4, 4, 3, 4, CUDA_R_32F, CUBLAS_COMPUTE_64F) == CUBLAS_STATUS_NOT_SUPPORTED);
  CHECK(cublasSetPointerMode(blas.handle, CUBLAS_POINTER_MODE_DEVICE) == CUBLAS_STATUS_NOT_SUPPORTED);
  CHECK(std::string(cublasGetStatusName(CUBLAS_STATUS_INVALID_VALUE)) == "CUBLAS_STATUS_INVALID_VALUE");
}

TEST_CASE("a product is enqueued on its stream") {
  const Fresh fresh;
  cudaStream_t stream = nullptr;
  REQUIRE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  const Blas blas;
  REQUIRE(cublasSetStream(blas.handle, stream) == CUBLAS_STATUS_SUCCESS);
  const DeviceVector<float> x(std::vector<float>{3}), y(std::vector<float>{5});
  {
    const float alpha = 2, beta = 1;  // read when the call is made
    REQUIRE(cublasGemmEx(blas.handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &alpha, x.data(), CUDA_R_32F, 1, x.data(),
                         CUDA_R_32F, 1, &beta, y.data(), CUDA_R_32F, 1, CUBLAS_COMPUTE_32F,
                         CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS);
  }
  CHECK(y.host()[0] == 5);  // read by the legacy stream, which does not wait for this one
  REQUIRE_CUDA(cudaStreamSynchronize(stream));
  CHECK(y.host()[0] == 23);
  REQUIRE_CUDA(cudaStreamDestroy(stream));
}

}  // namespace
