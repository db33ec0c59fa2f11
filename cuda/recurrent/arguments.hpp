// SPDX-License-Identifier: MIT
// Arguments of the algorithms: plain data, the same for all of them. Legend: H hidden units, P outputs (H without a
// projection), G gates and N blocks of the cell, B batch, T time steps. Matrices are contiguous and column-major,
// unless they have a stride.
//
// Where products have 16-bit operands, the activations that forward saves for backward have 16 bits, too. Gates and
// tanh(c) are at most 1 and are stored in fp16, which keeps three bits more of them than bf16; so is c, limited to the
// largest number of fp16. The state c that a pass carries from step to step is not rounded.
//
// Steps are numbered in the order of a pass: step s of a forward pass is time s for a forward direction and T - 1 - s
// for a reverse one; the other way round for a backward pass. See recurrent/steps.hpp.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>
#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>

#include <cstdint>
#include <span>
#include <type_traits>

namespace rondo::inline RONDO_ABI::cuda {

/// Columns with stride `stride`; they may be some rows of a taller matrix.
template <class T>
struct Columns {
  T* data = nullptr;
  Index stride = 0;

  constexpr T& operator()(Index row, Index column) const { return data[row + stride * column]; }
  bool operator==(const Columns&) const = default;
};

/// Where cells write the 16-bit operands of the next product, and their type; null: nowhere.
struct LowPrecision {
  std::uint16_t* data = nullptr;
  bool fp16 = false;  // else bf16
  bool operator==(const LowPrecision&) const = default;
};

/// The order of time steps and the lengths of sequences.
///
/// Columns after the last one that a time step needs are skipped: they have ended or, in a reverse pass, not begun. So
/// a batch whose sequences are sorted by length, the longest first, costs as many columns as it has steps.
struct StepOrder {
  Index B, T;
  bool reverse;                          // direction of the layer
  const std::int32_t* lengths;           // B; null: dense
  const std::int32_t* needed = nullptr;  // T + 2  [t + 1]: the columns that time t needs, from the first on; null: all

  constexpr Index length(Index b) const { return lengths ? lengths[b] : T; }
  constexpr bool active(Index b, Index t) const { return t < length(b); }
  /// The time of step s of the forward pass, and of step s of the backward pass.
  constexpr Index time(Index s) const { return reverse ? T - 1 - s : s; }
  constexpr Index backward_time(Index s) const { return reverse ? s : T - 1 - s; }
  /// The time of the step before t in the order of the forward pass.
  constexpr Index before(Index t) const { return reverse ? t + 1 : t - 1; }
  /// Whether time t is the first step of sequence b, which reads the initial state.
  constexpr bool begins(Index b, Index t) const { return reverse ? t + 1 == length(b) : t == 0; }
  /// Whether time t is one before that: there a backward pass has the gradient of the initial state.
  constexpr bool holds_initial_state(Index b, Index t) const { return reverse ? t == length(b) : t < 0; }
  /// Whether time t is the last step of sequence b, where its backward pass starts; or the last possible one, if empty.
  constexpr bool ends(Index b, Index t) const { return reverse ? t == 0 : t + 1 == length(b); }
  constexpr Index needed_columns(Index t) const { return needed ? needed[t + 1] : B; }
  bool operator==(const StepOrder&) const = default;
};

template <class Scalar>
struct ForwardArguments {
  Index H, P;
  StepOrder step_order;
  const Scalar* R;           // GH x P
  const Scalar* projection;  // P x H; null: P = H, and h is the cell's output
  const Scalar* peepholes;   // H x kPeepholeCount
  const Scalar* bias;        // NH
  Scalar* product;           // GH x B      R h(t-1) of one step, for the stepwise algorithm
  void* gates;               // NH x B x T  in: W x, with 16 bits of the type of h_low; out: the gates, if saved
  bool saves;                // whether gates, c and tanh(c) are saved
  const Scalar* h0;          // P x B
  Scalar* c_now;             // H x B       for cells with c: in the initial c, out the final one
  void* c;                   // H x B x T
  void* tanh_c;              // H x B x T
  Columns<Scalar> y;         // P x B x T   during a reverse pass, the step before a sequence starts holds its h0
  Scalar* m;                 // H x B x T   cell output before the projection
  LowPrecision h_low;        // P x B x (T+1)  slot s: the operand of R at step s
  LowPrecision m_low;        // H x B       of one step
  bool operator==(const ForwardArguments&) const = default;

  constexpr Index steps() const { return step_order.T; }
  constexpr Index time(Index s) const { return step_order.time(s); }
};

template <class Scalar>
struct BackwardArguments {
  Index H, P;
  StepOrder step_order;
  const Scalar* R;           // GH x P
  const Scalar* projection;  // P x H, or null
  const Scalar* peepholes;   // H x kPeepholeCount
  const void* gates;         // NH x B x T
  const Scalar* h0;          // P x B
  const Scalar* c0;          // H x B
  const void* c;             // H x B x T
  const void* tanh_c;        // H x B x T
  Columns<const Scalar> y;   // P x B x T
  Columns<const Scalar> dy;  // P x B x T
  Scalar* dh_end;            // P x B       in: the gradient of the final hidden state; out: of the initial one
  Scalar* dc;                // H x B       in: the gradient of the final cell; out: of the initial one
  Scalar* dh;                // P x B       R^T dz of the step before
  Scalar* dz;                // NH x B x T  null with dz_low
  Scalar* dh_total;          // P x B x T   with a projection: the gradient of h(t)
  Scalar* dm;                // H x B       with a projection: the gradient of m(t)
  LowPrecision dz_low;       // NH x B x T
  LowPrecision dh_low;       // P x B x T   of dh_total
  bool operator==(const BackwardArguments&) const = default;

  /// The last one computes the gradient of the initial state.
  constexpr Index steps() const { return step_order.T + 1; }
  constexpr Index time(Index s) const { return step_order.backward_time(s); }
};

template <class Arguments>
inline constexpr bool kIsBackward = false;
template <class Scalar>
inline constexpr bool kIsBackward<BackwardArguments<Scalar>> = true;

/// The stepwise algorithm's left operands in bf16 or fp16, if the precision requires them.
struct LowPrecisionWeights {
  const std::uint16_t* R = nullptr;           // GH x P
  const std::uint16_t* projection = nullptr;  // P x H
  bool operator==(const LowPrecisionWeights&) const = default;
};

/// What an algorithm depends on of a cell: its gates, and the algorithms that have kernels for it in float.
struct CellKernels {
  int gates;
  bool persistent, dataflow;  // grid- and cluster-persistent; dataflow-persistent
};
template <class Cell>
inline constexpr CellKernels kCellKernels{Cell::kGates, std::is_same_v<Cell, LstmCell>,
                                          std::is_same_v<Cell, LstmCell> || std::is_same_v<Cell, GruCell>};

/// Supports any cell and shape. `needed`: the values of StepOrder::needed on the host; empty: nothing is skipped.
template <class Cell, class Scalar>
void enqueue_stepwise(const ForwardArguments<Scalar>& a, Precision precision, const LowPrecisionWeights& low,
                      std::span<const std::int32_t> needed);
template <class Cell, class Scalar>
void enqueue_stepwise(const BackwardArguments<Scalar>& a, Precision precision, const LowPrecisionWeights& low,
                      std::span<const std::int32_t> needed);

/// The persistent algorithms, for the LSTM in float without a projection. They return false, and enqueue nothing, if
/// the device or the shape is not supported.
bool enqueue_grid_persistent(const ForwardArguments<float>& a, Precision precision, std::uint32_t* barrier);
bool enqueue_grid_persistent(const BackwardArguments<float>& a, Precision precision, std::uint32_t* barrier);
bool enqueue_cluster_persistent(const ForwardArguments<float>& a, Precision precision);
bool enqueue_cluster_persistent(const BackwardArguments<float>& a, Precision precision);

/// The same without a barrier, for an LSTM or a GRU in float without a projection, on sm_90 and newer.
template <class Cell>
bool enqueue_dataflow_persistent(const ForwardArguments<float>& a, Precision precision);
template <class Cell>
bool enqueue_dataflow_persistent(const BackwardArguments<float>& a, Precision precision);

/// Whether they support such a forward pass.
template <class Cell>
bool dataflow_persistent_fits(Index H, Index B, Precision precision);
bool grid_persistent_fits(Index H, Index B, Precision precision);
bool cluster_persistent_fits(Index H, Index B, Precision precision);

}  // namespace rondo::inline RONDO_ABI::cuda
