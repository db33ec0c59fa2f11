// SPDX-License-Identifier: MIT
// What the inner kernels are told, and the table of them that every level fills. Plain data: pointers and distances
// between neighbours, counted in elements. Legend: C input features, H hidden units. A kernel's `Packed` is what it
// multiplies: one float, or two bfloat16 that belong to neighbouring k (kernels/gemm.inl).
#pragma once

#include <rondo/version.hpp>

#include <cstdint>

namespace rondo::inline RONDO_ABI::detail {

/// How the right factor B is found: word (k, j) at data[k * row + j * column].
template <class Packed>
struct Operand {
  const Packed* data;
  long row, column;

  Operand from_row(long k) const { return {data + k * row, row, column}; }
  Operand from_column(long j) const { return {data + j * column, row, column}; }
};

/// What the sums of a product begin with: vector m of column j at data + j * column + m * vector. Nothing, where data
/// is null; one column for all, where column is 0.
struct InitialAccumulator {
  const float* data;
  long column, vector;

  InitialAccumulator from_row(long r) const { return {data ? data + r : nullptr, column, vector}; }
  InitialAccumulator from_column(long j) const { return {data ? data + j * column : nullptr, column, vector}; }
};

/// Where a product is written, in the same way.
struct Output {
  float* data;
  long column, vector;

  Output from_row(long r) const { return {data + r, column, vector}; }
  Output from_column(long j) const { return {data + j * column, column, vector}; }
  InitialAccumulator as_initial_accumulator() const { return {data, column, vector}; }
};

/// Z = b + W X for all gates of some units, for the same columns of several steps. N: blocks of the cell.
template <class Packed>
struct GateProjection {
  long hidden, columns, steps, batch;  // from one step to the next are `batch` columns
  long depth;                          // words of one column of x
  const Packed* W;                     // panels of gates
  const float* bias;                   // NH
  Operand<Packed> x;                   // depth x columns
  float* z;                            // NH x columns
  long z_column;
};

/// The cells of one step.
struct StepCells {
  const float* bias;  // NH: where the sums of blocks begin that W x is not added to
  long bias_column;   // 0: one column for all
  float* gates;       // NH x columns: in W x + b, out the gates
  long gates_column, block;
  const float* before;  // H x columns: c(t-1), or h(t-1) of a cell without c
  long before_column;
  float* c;       // H x columns
  float* tanh_c;  // H x columns
  long c_column;  // of both
  float* h;       // H x columns
  long h_column;
  bool save_for_backward;  // gates and tanh_c, for backward; else `gates` keeps its pre-activations

  StepCells from_unit(long u) const {
    StepCells at = *this;
    at.bias += u, at.gates += u, at.before += u, at.c += u, at.tanh_c += u, at.h += u;
    return at;
  }
  StepCells from_column(long j) const {
    StepCells at = *this;
    at.bias += j * bias_column, at.gates += j * gates_column, at.before += j * before_column;
    at.c += j * c_column, at.tanh_c += j * c_column, at.h += j * h_column;
    return at;
  }
};

/// One step of the recurrence.
template <class Packed>
struct RecurrentStep {
  long columns, depth;  // depth: words of one column of h
  bool
      reverse_unit_order;  // last units first: every other step, so that it begins with what the cache still holds of R
  const Packed* R;         // panels of gates
  Operand<Packed> h_before;
  StepCells cells;
};

/// The gradients of the cells of one step; layout as StepCells.
struct StepGradients {
  const float* gates;  // NH x columns
  long gates_column, block;
  const float* before;  // H x columns
  long before_column;
  const float* tanh_c;  // H x columns
  float* dc;      // H x columns. In: what step t+1 passes down of the cell's own state; out: what step t passes down
  long c_column;  // of both
  float* dz;      // NH x columns
  long dz_column;

  StepGradients from_unit(long u) const {
    StepGradients at = *this;
    at.gates += u, at.before += u, at.tanh_c += u, at.dc += u, at.dz += u;
    return at;
  }
  StepGradients from_column(long j) const {
    StepGradients at = *this;
    at.gates += j * gates_column, at.before += j * before_column;
    at.tanh_c += j * c_column, at.dc += j * c_column, at.dz += j * dz_column;
    return at;
  }
};

/// One step back: dh = init + A B, then the cells; A B is R^T dz(t+1).
template <class Packed>
struct BackwardStep {
  long columns, depth;      // depth: words of one column of b; 0 where there is no later step
  const Packed* A;          // panels of rows, H of them
  long A_depth;             // words of one of its rows
  bool reverse_unit_order;  // last units first
  Operand<Packed> b;
  InitialAccumulator dh;  // H x columns: dL/dh(t) but for the product; its vectors follow each other
  StepGradients gradients;
};

/// dW += dZ X^T, dR += dZ Hbefore^T, db += the sum of dZ's columns, for at most kMaxDepth columns and some rows of dZ.
template <class Packed>
struct GradientSums {
  static constexpr long kMaxDepth = 256;
  long columns;
  const float* dz;  // rows x columns
  long dz_column;
  long inputs;        // C; 0: no dW
  Operand<Packed> x;  // columns x C, in words along columns
  float* dW;          // rows x C
  long dW_column;
  long hidden;        // columns of dR; 0: no dR
  Operand<Packed> h;  // columns x hidden
  float* dR;          // rows x hidden
  long dR_column;
  float* db;  // rows; null: not wanted
};

/// One step of one layer for a single stream.
struct StreamStep {
  long inputs, hidden, outputs;  // C, H, P
  bool reverse_unit_order;  // last units first: every other step, so that it begins with what the cache still holds
  const float* weights;     // for each vector of units a panel of the bias, then of W's columns, then of R's
  const float* x;           // C
  const float* h_before;    // P
  const float* before;      // H and up to a whole vector more, as h and c: c(t-1), or h(t-1) of a cell without c
  float* h;
  float* c;
};

/// One level's kernels for one kind of product. A range of rows is [first, last).
template <class Packed>
struct ProductKernels {
  /// Panels of rows of op(A) with op(A)(i, k) = a[i * row_step + k * k_step]. Depth is in elements.
  void (*pack)(long depth, const float* a, long row_step, long k_step, Packed* to, long first, long last);
  /// C = init + packed A * B; c.vector and init.vector are ignored.
  void (*multiply_packed)(long rows, long depth, const Packed* packed, Operand<Packed> b, InitialAccumulator init,
                          Output c, long columns);
  void (*add_gradients)(const GradientSums<Packed>&, long first, long last);
};

/// What a level computes for one kind of cell and product. A range of units is [first, last).
template <class Packed>
struct CellProductKernels {
  /// Panels of gates of A, whose gates are `hidden` rows each.
  void (*pack_gates)(long hidden, long depth, const float* a, long row_step, long k_step, Packed* to, long first,
                     long last);
  void (*project_gates)(const GateProjection<Packed>&, long first, long last);
  void (*step)(const RecurrentStep<Packed>&, long first, long last);
  void (*step_backward)(const BackwardStep<Packed>&, long first, long last);
};

/// The same for one kind of cell.
struct CellKernels {
  CellProductKernels<float> fp32;
  CellProductKernels<std::uint32_t> bf16;
};

/// What a stream through layers of one kind of cell needs. A table of its own: a program that only streams compiles no
/// products of matrices.
struct StreamKernels {
  long lanes;  // floats in a vector
  /// As CellProductKernels<float>::pack_gates.
  void (*pack_gates)(long hidden, long depth, const float* a, long row_step, long k_step, float* to, long first,
                     long last);
  void (*step)(const StreamStep&);
};

/// y = b + W x, each row of W followed by its bias.
using StreamLinearKernel = void (*)(long inputs, long outputs, const float* rows, const float* x, float* y);

/// log(sum of e^z) = highest + log(total), with highest the largest z.
struct SoftmaxTotal {
  float highest, total;
};

/// AdamStep (cpu/optim.hpp), each number rounded once.
struct AdamConstants {
  float one_minus_beta1, one_minus_beta2;  // 1 - beta
  float step_size, epsilon;
  float inv_bias_correction2_sqrt;  // 1 / sqrt(1 - beta2^step)
  float weight_decay_factor;
};

/// Numbers first, first + 1, ... of a stream of random numbers, and what is made of them: 0 of those below the
/// threshold, `scale` of the others.
struct DropoutDraw {
  std::uint64_t seed, stream, first;
  std::uint32_t threshold;
  float scale;
};

/// What is computed number by number.
struct ElementwiseKernels {
  /// d becomes scale * softmax(z), unless it is null. d is not z.
  SoftmaxTotal (*softmax)(const float* z, long count, float scale, float* d);
  /// One pass over weights, gradients and moments.
  void (*adam)(const AdamConstants&, long count, float* w, const float* g, float* m, float* v);
  /// In double, in an order that `count` decides.
  double (*sum_of_squares)(const float* a, long count);
  /// sum += a.
  void (*add)(long count, const float* a, float* sum);
  /// mask as drawn, y = x * mask.
  void (*dropout)(const DropoutDraw&, long count, const float* x, float* mask, float* y);
};

struct Kernels {
  long lanes;       // floats in a vector
  long panel_rows;  // rows of a panel; a panel of gates holds all gates of `lanes` units
  /// C += op(A) B with an unpacked A.
  void (*multiply)(long rows, long depth, const float* a, long row_step, long k_step, Operand<float> b, float* c,
                   long c_column, long columns);
  ElementwiseKernels elementwise;
  ProductKernels<float> fp32;
  ProductKernels<std::uint32_t> bf16;
  /// Floats rounded to bfloat16 that follow each other.
  void (*to_bf16)(const float* from, long count, std::uint16_t* to);
  /// Rows [first, last) of neighbouring columns paired: word (k, i) of `to` joins a(i, 2k) and a(i, 2k + 1).
  void (*pair_columns)(long columns, const float* a, long a_column, std::uint32_t* to, long to_row, long first,
                       long last);
};

}  // namespace rondo::inline RONDO_ABI::detail
