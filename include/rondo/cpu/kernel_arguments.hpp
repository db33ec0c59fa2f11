// SPDX-License-Identifier: MIT
// Arguments of the inner kernels, and the table of function pointers of one instruction-set level. Arguments are plain
// data: pointers, sizes, and strides in elements. Products multiply packed elements (`Packed`). Members named
// `..._column` are the distance between two columns; a `depth` is the inner dimension of a product in packed elements,
// unless it says otherwise. Legend: C input features, H hidden units, P outputs, G gates, N blocks of the cell.
#pragma once

#include <rondo/cpu/stream_layout.hpp>
#include <rondo/version.hpp>

#include <cstdint>

namespace rondo::inline RONDO_ABI::detail {

/// An element of a packed operand: 32 bits that hold one float, or two bfloat16 of neighbouring k, the first in the low
/// half. The type is float, so that matrices of floats are operands without a copy; only kernels read two bfloat16.
using Packed = float;

/// Right operand B of a product: packed element (k, j) is data[k * row + j * column].
struct Operand {
  const Packed* data;
  long row, column;

  Operand from_row(long k) const { return {data + k * row, row, column}; }
  Operand from_column(long j) const { return {data + j * column, row, column}; }
};

/// Initial value of a product's accumulators: vector m of column j is at data + j * column + m * vector. Zero if data
/// is null; the same for all columns if column is 0.
struct InitialAccumulator {
  const float* data;
  long column, vector;

  InitialAccumulator from_row(long r) const { return {data ? data + r : nullptr, column, vector}; }
  InitialAccumulator from_column(long j) const { return {data ? data + j * column : nullptr, column, vector}; }
};

/// Destination of a product: vector m of column j is at data + j * column + m * vector.
struct Output {
  float* data;
  long column, vector;

  Output from_row(long r) const { return {data + r, column, vector}; }
  Output from_column(long j) const { return {data + j * column, column, vector}; }
  InitialAccumulator as_initial_accumulator() const { return {data, column, vector}; }
};

/// Input projection Z = b + W X for all gates of a range of units, for the same columns of several steps.
struct GateProjection {
  long hidden, columns, steps, batch;  // columns per step; step t starts at column t * batch
  long depth;                          // packed elements per column of x
  const Packed* W;                     // GH x C, packed in panels of gates
  const float* bias;                   // NH
  Operand x;                           // C x columns
  float* z;                            // NH x columns
  long z_column;
};

/// Cell update of one step.
struct StepCells {
  const float* bias;  // NH: initial accumulator of blocks that have no input projection
  long bias_column;   // 0: the same column for all
  float* gates;       // NH x columns. In: W x + b; out: gates after their nonlinearities
  long gates_column, block;
  const float* before;  // H x columns: c(t-1), or h(t-1) for cells without c
  long before_column;
  float* c;       // H x columns
  float* tanh_c;  // H x columns
  long c_column;  // of c and tanh_c
  float* h;       // H x columns
  long h_column;
  bool save_for_backward;  // write gates and tanh_c; otherwise `gates` is not written

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
struct RecurrentStep {
  long columns, depth;      // depth: packed elements per column of h
  bool reverse_unit_order;  // last units first, at every other step: they use the part of R that is still in cache
  const Packed* R;          // GH x P, packed in panels of gates
  Operand h_before;         // P x columns
  StepCells cells;
};

/// Gradients of the cell update of one step; layout as StepCells.
struct StepGradients {
  const float* gates;  // NH x columns
  long gates_column, block;
  const float* before;  // H x columns
  long before_column;
  const float* tanh_c;  // H x columns
  float* dc;      // H x columns. In: gradient of the cell state from step t+1; out: that of `before`, without R^T dz
  long c_column;  // of tanh_c and dc
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

/// One step of the backward pass: dh = initial dh + A B, then the cell gradients. A B is R^T dz(t+1) or, with a
/// projection, projection^T dh(t).
struct BackwardStep {
  long columns, depth;      // depth: packed elements per column of b; 0 if there is no later step
  const Packed* A;          // H rows, packed in panels of rows
  long A_depth;             // packed elements per row of A
  bool reverse_unit_order;  // last units first
  Operand b;                // GH x columns; P x columns with a projection
  InitialAccumulator dh;    // H x columns: dL/dh(t) without the product; its vectors are contiguous
  StepGradients gradients;
};

/// Weight gradients dW += dZ X^T, dR += dZ Hbefore^T, db += sum of the columns of dZ, for at most kMaxDepth columns and
/// a range of rows of dZ.
struct GradientSums {
  static constexpr long kMaxDepth = 256;
  long columns;
  const float* dz;  // rows x columns
  long dz_column;
  long inputs;  // C; 0: no dW
  Operand x;    // columns x C; a packed element holds neighbouring columns of X
  float* dW;    // rows x C
  long dW_column;
  long hidden;  // columns of dR; 0: no dR
  Operand h;    // columns x hidden, packed as x
  float* dR;    // rows x hidden
  long dR_column;
  float* db;  // rows; null: not computed
};

/// One step of one layer for a single stream.
struct StreamStep {
  long inputs, hidden, outputs;  // C, H, P
  bool reverse_unit_order;       // last units first, at every other step: they use the weights that are still in cache
  const float* weights;          // per vector of units one panel: the bias, the columns of W, the columns of R
  const float* x;                // C
  const float* h_before;         // P
  const float* before;           // H, padded to whole vectors: c(t-1), or h(t-1) for cells without c
  float* h;                      // H, padded to whole vectors
  float* c;                      // H, padded to whole vectors
};

/// Matrix products of one level in one precision, and the copies of operands for them. They compute rows [first, last).
struct ProductKernels {
  long values_per_element;  // values of neighbouring k in a packed element: 1 or 2
  /// Packs op(A) in panels of rows, where op(A)(i, k) = a[i * row_step + k * k_step]. `depth` is in floats.
  void (*pack)(long depth, const float* a, long row_step, long k_step, Packed* to, long first, long last);
  /// C = init + A B with a packed A. Ignores c.vector and init.vector.
  void (*multiply_packed)(long rows, long depth, const Packed* packed, Operand b, InitialAccumulator init, Output c,
                          long columns);
  void (*add_gradients)(const GradientSums&, long first, long last);
  /// Copies contiguous floats as contiguous values of packed elements; null if floats are used in place.
  void (*copy)(const float* from, long count, void* to);
  /// Copies rows [first, last) of A as a transposed right operand: packed element (k, i) of `to`, at k * to_row + i,
  /// holds a(i, k), or a(i, 2k) and a(i, 2k + 1). Null as `copy`.
  void (*copy_transposed)(long columns, const float* a, long a_column, Packed* to, long to_row, long first, long last);

  /// Packed elements for an inner dimension of `depth` values.
  long packed_depth(long depth) const { return (depth + values_per_element - 1) / values_per_element; }
};

/// Recurrent kernels of one level for one cell in one precision. They compute units [first, last).
struct CellProductKernels {
  /// Packs op(A), whose gates have `hidden` rows each, in panels of gates. `depth` is in floats.
  void (*pack_gates)(long hidden, long depth, const float* a, long row_step, long k_step, Packed* to, long first,
                     long last);
  void (*project_gates)(const GateProjection&, long first, long last);
  void (*step)(const RecurrentStep&, long first, long last);
  void (*step_backward)(const BackwardStep&, long first, long last);
};

/// Recurrent kernels of one level for one cell.
struct CellKernels {
  CellProductKernels fp32, bf16;
};

/// A layer for the kernels of blocks of steps. A row is one step of one of B voices; row t * B + b of each matrix is at
/// `..._step` times that. Registers of rows and of the state are in the order of the kernel's StreamLayout; N are its
/// vectors(). What changes from call to call is not here but in StreamBlock: a copy of this structure by wide loads
/// would wait for narrow stores.
struct StreamData {
  long voices, units;        // B, H padded
  long inputs;               // C
  const float* weights;      // N registers for each of the products
  long z_step;               // of StreamBlock::z; 0: no other inputs, z is the bias
  const float* last_column;  // N registers: weights of the last input
  float* h;                  // state of each voice
  float* c;
  long state_step;
  float* out;  // h of each row; null: not wanted
  long out_step;
  const float* head;  // weights of a linear layer with one output, in the order of h; null: none
  float head_bias;
  bool* reverse;  // large layers: whether the next step processes the last units first, as StreamStep does
};

/// A block of steps, in registers.
struct StreamBlock {
  long steps;      // T
  const float* x;  // the last input of each row
  long x_step;
  const float* z;  // N registers for each row: b + W x without the last input
  float* y;        // outputs of the head, one for each row
};

/// Input projection of a block: z = b + W x, in the order of StreamBlock::z.
struct StreamProjection {
  long rows, inputs, vectors;
  const float* weights;  // per input `vectors` registers
  const float* bias;     // `vectors` registers
  const float* x;        // `inputs` values for each row
  long x_step;
  float* z;
  bool bounded;  // whether x is finite: the output of another layer
};

/// Space before a column of integers for their scale and sum, in 16-bit integers.
inline constexpr long kQuantisedHeader = 4;

/// z += M v for a few vectors v, with a matrix M of bf16 or int8: see StreamMatrix.
struct StreamProduct {
  long registers, depth;  // registers of rows; columns of M, padded to a multiple of 4
  bool reverse;           // last panel first
  const void* weights;    // panels of 4 registers: for each group of neighbouring k the values of all rows
  const float* scales;    // int8: of each row
  float limit;            // int8: largest integer of v, at which no sum exceeds 32 bits
  long third;             // of three gates, the block of the last one; 4 gates: 0
  long columns;
  const float* v;  // padded to whole registers with zeros
  long v_step;
  std::int16_t* quantised;  // int8: space for kQuantisedHeader and depth integers, in whole registers, of each column
  long quantised_step;
  float* z;
  long z_step;

  /// Register of z of register r of the rows.
  constexpr long to(long r) const { return third == 0 ? r : r / 3 * 4 + (r % 3 == 2 ? third : r % 3); }
};

using StreamRun = void (*)(const StreamData&, long steps, const float* x, long x_step, const float* z, float* y);

/// A kernel for layers of one size, and the order that it expects.
struct StreamForm {
  StreamLayout layout;
  void (*project)(const StreamProjection&);
  StreamRun run;
  /// Two layers of the same size, the second at the step before that of the first; null: not supported. The second's
  /// inputs are the first's h: its `weights` begin with as many products for them, and bias is its z.
  void (*run_pair)(const StreamData& first, const StreamData& second, long steps, const float* x, long x_step,
                   const float* z, const float* bias, float* y);
  /// Weights of bf16 or int8: the product, after which `run` computes the cells of one step; else null.
  void (*multiply)(const StreamProduct&) = nullptr;
  long group = 1;  // int8: neighbouring k of a row that are together
  int offset = 0;  // int8: added to the integers, which are then unsigned
};

/// Streaming kernels of one level for one cell. They are a separate table so that a program that only streams does not
/// compile matrix products.
struct StreamKernels {
  long lanes;  // floats in a vector
  /// As CellProductKernels::pack_gates.
  void (*pack_gates)(long hidden, long depth, const float* a, long row_step, long k_step, float* to, long first,
                     long last);
  void (*step)(const StreamStep&);  // for layers with a projection
  /// The kernel for a layer of H hidden units.
  StreamForm (*form)(long hidden, bool fast);
  /// The kernel for many voices, whose lanes are voices; `width` of them fill a register. Its weights are, for each
  /// unit, four values of the bias, of each input and of each unit of h.
  StreamRun (*many_voices)(long voices, bool fast, long& width);
};

/// y = b + W x; each row of W is followed by its bias.
using StreamLinearKernel = void (*)(long inputs, long outputs, const float* rows, const float* x, float* y);

/// Intermediate values of log-sum-exp: log(sum of e^z) = highest + log(total), where highest = max(z).
struct SoftmaxTotal {
  float highest, total;
};

/// Coefficients of AdamStep (core/operations.hpp), each rounded once from double.
struct AdamConstants {
  float one_minus_beta1, one_minus_beta2;  // 1 - beta
  float step_size, epsilon;
  float inv_bias_correction2_sqrt;  // 1 / sqrt(1 - beta2^step)
  float weight_decay_factor;
};

/// Parameters of a dropout mask. Value i of the mask is 0 if random number first + i of the stream is below the
/// threshold, else `scale`.
struct DropoutDraw {
  std::uint64_t seed, stream, first;
  std::uint32_t threshold;
  float scale;
};

/// Element-wise operations and reductions of one level.
struct ElementwiseKernels {
  /// d = scale * softmax(z), unless d is null. d must not overlap z.
  SoftmaxTotal (*softmax)(const float* z, long count, float scale, float* d);
  /// Adam update in one pass over weights, gradients and moments.
  void (*adam)(const AdamConstants&, long count, float* w, const float* g, float* m, float* v);
  /// Sum of squares in double. The order of the sum depends only on `count`.
  double (*sum_of_squares)(const float* a, long count);
  /// sum += a.
  void (*add)(long count, const float* a, float* sum);
  /// Draws the mask; y = x * mask.
  void (*dropout)(const DropoutDraw&, long count, const float* x, float* mask, float* y);
};

/// Kernels of one level that do not depend on the cell.
struct Kernels {
  long lanes;       // floats per vector
  long panel_rows;  // rows per panel of rows; a panel of gates holds all gates of `lanes` units
  /// C += op(A) B with an unpacked A.
  void (*multiply)(long rows, long depth, const float* a, long row_step, long k_step, Operand b, float* c,
                   long c_column, long columns);
  ElementwiseKernels elementwise;
  ProductKernels fp32, bf16;
};

}  // namespace rondo::inline RONDO_ABI::detail
