// SPDX-License-Identifier: MIT
// What the inner kernels are told, and the table of them that every level fills. Plain data: pointers and distances
// between neighbours, counted in elements. Legend: C input features, H hidden units. A kernel's `Word` is what it
// multiplies: one float, or two bfloat16 that belong to neighbouring k (kernels/gemm.inl).
#pragma once

#include <cstdint>

namespace rondo::inline v0::detail {

/// How the right factor B is found: word (k, j) at data[k * row + j * column].
template <class Word>
struct Operand {
  const Word* data;
  long row, column;

  Operand from_row(long k) const { return {data + k * row, row, column}; }
  Operand from_column(long j) const { return {data + j * column, row, column}; }
};

/// What the sums of a product start from: vector m of column j at data + j * column + m * vector. Nothing, where data
/// is null; one column for all, where column is 0.
struct Start {
  const float* data;
  long column, vector;

  Start from_row(long r) const { return {data ? data + r : nullptr, column, vector}; }
  Start from_column(long j) const { return {data ? data + j * column : nullptr, column, vector}; }
};

/// Where a product is written, in the same way.
struct Target {
  float* data;
  long column, vector;

  Target from_row(long r) const { return {data + r, column, vector}; }
  Target from_column(long j) const { return {data + j * column, column, vector}; }
  Start as_start() const { return {data, column, vector}; }
};

/// Z = b + W X for all four gates of some units, for the same columns of several steps.
template <class Word>
struct GateProjection {
  long hidden, columns, steps, batch;  // from one step to the next are `batch` columns
  long depth;                          // words of one column of x
  const Word* W;                       // panels of gates
  const float* bias;                   // 4H
  Operand<Word> x;                     // depth x columns
  float* z;                            // 4H x columns
  long z_column;
};

/// The cells of one step. Without tanh_c nothing is kept for backward: `gates` keeps its pre-activations.
struct LstmCells {
  float* gates;  // 4H x columns: in W x + b, out the gates
  long gates_column, gate;
  const float* c_before;  // H x columns, as the next three
  float* c;
  float* tanh_c;
  float* h;
  long column;

  LstmCells from_unit(long u) const {
    return {gates + u, gates_column, gate, c_before + u, c + u, tanh_c ? tanh_c + u : nullptr, h + u, column};
  }
  LstmCells from_column(long j) const {
    return {gates + j * gates_column, gates_column,   gate,
            c_before + j * column,    c + j * column, tanh_c ? tanh_c + j * column : nullptr,
            h + j * column,           column};
  }
};

/// One step of the recurrence.
template <class Word>
struct LstmStep {
  long columns, depth;  // depth: words of one column of h
  bool backwards;       // last units first: every other step, so that it meets what the cache still holds of R
  const Word* R;        // panels of gates
  Operand<Word> h_before;
  LstmCells cells;
};

/// The gradients of the cells of one step; layout as LstmCells.
struct LstmGradients {
  const float* gates;  // 4H x columns
  long gates_column, gate;
  const float* c_before;  // H x columns, as the next two
  const float* tanh_c;
  float* dc;  // in: what step t+1 passes down; out: what step t passes down
  long column;
  float* dz;  // 4H x columns
  long dz_column;

  LstmGradients from_unit(long u) const {
    return {gates + u, gates_column, gate, c_before + u, tanh_c + u, dc + u, column, dz + u, dz_column};
  }
  LstmGradients from_column(long j) const {
    return {gates + j * gates_column,
            gates_column,
            gate,
            c_before + j * column,
            tanh_c + j * column,
            dc + j * column,
            column,
            dz + j * dz_column,
            dz_column};
  }
};

/// One step back: dh = start + R^T dz(t+1), then the cells.
template <class Word>
struct LstmBackwardStep {
  long columns, depth;       // depth: words of one column of dz; 0 where there is no later step
  const Word* R_transposed;  // panels of rows, H x 4H
  long R_depth;              // words of one of its rows
  bool backwards;            // last units first
  Operand<Word> dz_after;
  const float* dh;  // H x columns: dL/dh(t) but for the later step's part
  long dh_column;
  LstmGradients gradients;
};

/// dW += dZ X^T, dR += dZ Hbefore^T, db += the sum of dZ's columns, for at most kMaxDepth columns.
template <class Word>
struct GradientSums {
  static constexpr long kMaxDepth = 256;
  long columns;
  const float* dz;  // 4H x columns
  long dz_column;
  long inputs;      // C; 0 where the inputs' part is computed elsewhere
  Operand<Word> x;  // columns x C, in words along columns
  float* dW;        // 4H x C
  long dW_column;
  long hidden;      // H
  Operand<Word> h;  // columns x H
  float* dR;        // 4H x H
  long dR_column;
  float* db;  // 4H
};

/// One step of one layer for a single stream.
struct StreamStep {
  long inputs, hidden;    // C, H
  bool backwards;         // last units first: every other step, so that it meets what the cache still holds
  const float* weights;   // panels of gates, each the bias, W's columns, R's columns
  const float* x;         // C
  const float* h_before;  // H
  float* h;               // H and up to a whole vector more, as c
  float* c;
};

/// One level's kernels for one kind of product. A range of units or rows is [first, last).
template <class Word>
struct ProductKernels {
  /// Panels of rows, or of gates, of op(A) with op(A)(i, k) = a[i * row_step + k * k_step]. Depth is in elements.
  void (*pack)(long depth, const float* a, long row_step, long k_step, Word* to, long first, long last);
  void (*pack_gates)(long hidden, long depth, const float* a, long row_step, long k_step, Word* to, long first,
                     long last);
  /// C = start + packed A * B; c.vector and start.vector are ignored.
  void (*multiply_packed)(long rows, long depth, const Word* packed, Operand<Word> b, Start start, Target c,
                          long columns);
  void (*project_gates)(const GateProjection<Word>&, long first, long last);
  void (*lstm_step)(const LstmStep<Word>&, long first, long last);
  void (*lstm_step_backward)(const LstmBackwardStep<Word>&, long first, long last);
  void (*add_gradients)(const GradientSums<Word>&, long first, long last);
};

/// log(sum of e^z) = highest + log(total), with highest the largest z.
struct SoftmaxTotal {
  float highest, total;
};

/// AdamStep (cpu/optim.hpp), each number rounded once.
struct AdamNumbers {
  float rest1, rest2;  // 1 - beta
  float rate, epsilon;
  float root;  // 1 / sqrt(1 - beta2^step)
  float shrink;
};

/// Numbers first, first + 1, ... of a stream of random numbers, and what is made of them: 0 of those below the
/// threshold, `kept` of the others.
struct DropoutDraw {
  std::uint64_t seed, stream, first;
  std::uint32_t threshold;
  float kept;
};

/// What is computed number by number.
struct ElementwiseKernels {
  /// d becomes scale * softmax(z), unless it is null. d is not z.
  SoftmaxTotal (*softmax)(const float* z, long count, float scale, float* d);
  /// One pass over weights, gradients and moments.
  void (*adam)(const AdamNumbers&, long count, float* w, const float* g, float* m, float* v);
  /// In double, in an order that `count` decides.
  double (*sum_of_squares)(const float* a, long count);
  /// sum += a.
  void (*add)(long count, const float* a, float* sum);
  /// mask as drawn, y = x * mask.
  void (*dropout)(const DropoutDraw&, long count, const float* x, float* mask, float* y);
};

struct Kernels {
  long lanes;       // floats in a vector
  long panel_rows;  // rows of a panel; a panel of gates holds 4 gates of `lanes` units
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
  void (*stream_step)(const StreamStep&);
  /// y = b + W x, each row of W with its bias behind it.
  void (*stream_linear)(long inputs, long outputs, const float* rows, const float* x, float* y);
};

}  // namespace rondo::inline v0::detail
