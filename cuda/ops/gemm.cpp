// SPDX-License-Identifier: MIT
#include "gemm.hpp"

#include "../step/step_record.hpp"

#include <rondo/cuda/operations.hpp>

#include <limits>

namespace rondo::inline RONDO_ABI {

namespace cuda {

namespace {

int narrow(Index n) {
  require_shape(n <= std::numeric_limits<int>::max(), "rondo::cuda: gemm: a dimension of ", n, ", cuBLAS takes ",
                std::numeric_limits<int>::max());
  return static_cast<int>(n);
}

cublasOperation_t operation(Op op) { return op == Op::none ? CUBLAS_OP_N : CUBLAS_OP_T; }

/// c = op(a) op(b) + beta c.
struct GemmCall {
  static constexpr bool kRepeats = true;
  GemmTypes types;
  Op op_a, op_b;
  GemmOperand a, b;
  double beta;
  void* c;
  Index stride_c, rows, cols, depth;

  bool operator==(const GemmCall&) const = default;
  cudaError_t operator()() const {
    const bool wide = types.type == CUDA_R_64F;
    const double alpha64 = 1, beta64 = beta;
    const float alpha32 = 1, beta32 = static_cast<float>(beta);
    check(cublasGemmEx(context().blas, operation(op_a), operation(op_b), narrow(rows), narrow(cols), narrow(depth),
                       wide ? static_cast<const void*>(&alpha64) : &alpha32, a.data, types.type, narrow(a.stride),
                       b.data, types.type, narrow(b.stride), wide ? static_cast<const void*>(&beta64) : &beta32, c,
                       types.result, narrow(stride_c), types.compute, CUBLAS_GEMM_DEFAULT),
          "cublasGemmEx");
    return cudaSuccess;
  }
};

}  // namespace

void multiply(const GemmTypes& types, Op op_a, Op op_b, const GemmOperand& a, const GemmOperand& b, double beta,
              void* c, Index stride_c, Index rows, Index cols) {
  const Index depth = op_a == Op::none ? a.cols : a.rows;
  if (rows == 0 || cols == 0 || (depth == 0 && beta == 1)) return;
  issue(GemmCall{types, op_a, op_b, a, b, beta, c, stride_c, rows, cols, depth});
}

}  // namespace cuda

template <class Scalar>
void gemm(Cuda, Op op_a, Op op_b, ConstView<Scalar> a, ConstView<Scalar> b, MatrixView<Scalar> c) {
  cuda::multiply(cuda::gemm_types_of<Scalar>(), op_a, op_b, cuda::gemm_operand(a), cuda::gemm_operand(b), 1, c.data,
                 c.stride, c.rows, c.cols);
}

template <class Scalar>
void pack(Cuda device, Op op, MatrixView<const Scalar> a, PackedMatrix<Scalar, Cuda>& to) {
  to.op = op;
  to.rows = op == Op::none ? a.rows : a.cols;
  to.depth = op == Op::none ? a.cols : a.rows;
  to.values.resize(a.rows * a.cols);
  copy(device, a, MatrixView<Scalar>{to.values.data(), a.rows, a.cols, a.rows});
}

template <class Scalar>
void gemm(Cuda device, const PackedMatrix<Scalar, Cuda>& a, ConstView<Scalar> b, MatrixView<Scalar> c) {
  const Index rows = a.op == Op::none ? a.rows : a.depth, cols = a.op == Op::none ? a.depth : a.rows;
  gemm(device, a.op, Op::none, MatrixView<const Scalar>{a.values.data(), rows, cols, rows}, b, c);
}

template void gemm<float>(Cuda, Op, Op, ConstView<float>, ConstView<float>, MatrixView<float>);
template void gemm<double>(Cuda, Op, Op, ConstView<double>, ConstView<double>, MatrixView<double>);
template void pack<float>(Cuda, Op, MatrixView<const float>, PackedMatrix<float, Cuda>&);
template void pack<double>(Cuda, Op, MatrixView<const double>, PackedMatrix<double, Cuda>&);
template void gemm<float>(Cuda, const PackedMatrix<float, Cuda>&, ConstView<float>, MatrixView<float>);
template void gemm<double>(Cuda, const PackedMatrix<double, Cuda>&, ConstView<double>, MatrixView<double>);

}  // namespace rondo::inline RONDO_ABI
