// SPDX-License-Identifier: MIT
#include "pass.hpp"

#include "../ops/columns.hpp"
#include "algorithm_selection.hpp"
#include "operands.hpp"

#include <rondo/cuda/operations.hpp>
#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>
#include <rondo/math/cells/lstm_variants.hpp>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

template <class Scalar>
Rounding rounding_of(Precision precision, bool backward) {
  if (!std::is_same_v<Scalar, float>) return Rounding::none;
  if (precision == Precision::bf16) return Rounding::bf16;
  if (precision == Precision::fp16) return backward ? Rounding::bf16 : Rounding::fp16;
  return Rounding::none;
}

/// StepOrder::needed of a ragged batch. A reverse pass needs a column one step before it begins, too.
std::vector<std::int32_t> needed_columns(const Extent& x, bool reverse) {
  std::vector<std::int32_t> needed(static_cast<std::size_t>(x.time + 2), 0);
  for (Index b = 0; b < x.batch; ++b)  // at the last time that needs the column
    needed[static_cast<std::size_t>(x.length(b) + (reverse ? 1 : 0))] = static_cast<std::int32_t>(b + 1);
  for (std::size_t t = needed.size() - 1; t > 0; --t) needed[t - 1] = std::max(needed[t - 1], needed[t]);
  return needed;
}

/// The order of steps. That of a ragged batch has the lengths and, unless there is a projection, the columns that the
/// steps need, which are also written to `needed`.
template <class Scalar>
StepOrder step_order_of(const PassOptions& options, const Extent& x, bool projects,
                        RecurrentWorkspace<Scalar, Cuda>& work, std::vector<std::int32_t>& needed) {
  StepOrder order{x.batch, x.time, options.direction == Direction::reverse, nullptr};
  if (!x.ragged()) return order;
  require_shape(x.time < std::numeric_limits<std::int32_t>::max() - 1, "rondo::cuda: a ragged batch of T = ", x.time);
  std::vector<std::int32_t> numbers(x.lengths.begin(), x.lengths.end());
  if (!projects) needed = needed_columns(x, order.reverse);
  numbers.insert(numbers.end(), needed.begin(), needed.end());
  work.lengths.resize(static_cast<Index>(numbers.size()));
  copy_from_host(work.lengths.data(), numbers.data(), numbers.size() * sizeof(std::int32_t));
  order.lengths = work.lengths.data();
  if (!projects) order.needed = order.lengths + x.batch;
  return order;
}

/// x, or for a ragged batch a copy with zero padding: sums over all columns include the padding.
template <class Scalar>
MatrixView<const Scalar> clean(MatrixView<const Scalar> x, const StepOrder& step_order,
                               RecurrentWorkspace<Scalar, Cuda>& work) {
  if (!step_order.lengths) return x;
  work.x.resize(x.rows, step_order.B, step_order.T);
  copy_active(x, step_order, work.x.flat());
  return std::as_const(work.x).flat();
}

/// The algorithms require contiguous matrices; those of a Parameter are.
template <class Scalar>
void require_contiguous(const RecurrentWeights<const Scalar>& w) {
  for (const auto& [name, a] : {std::pair{"R", w.R}, {"the projection", w.projection}, {"the peepholes", w.peepholes}})
    require_shape(!a.data || a.stride == a.rows, "rondo::cuda: the stride of ", name, " is ", a.stride, ", wanted ",
                  a.rows);
}

/// Options without a CUDA implementation are an error, never ignored.
template <class Scalar>
void require_supported(const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                       const RecurrentCache<Scalar, Cuda>& cache) {
  const char* const what = w.norm_x.data                                    ? "layer normalisation"
                           : options.zoneout_h > 0 || options.zoneout_c > 0 ? "zoneout"
                           : cache.h_mask.size() > 0                        ? "recurrent dropout"
                                                                            : nullptr;
  if (what) throw error(rondo::detail::concat("rondo::cuda: ", what, " is not supported on CUDA"));
}

/// f(gates of a (GH x n), blocks of Z (NH x n)) for each range of gates of a that is added to blocks of Z.
template <class Cell, class T, class U, class F>
void for_each_input_run(MatrixView<T> a, MatrixView<U> Z, Index H, F&& f) {
  for (const GateRun& run : Cell::kInputRuns)
    f(a.row_block(run.gate * H, run.count * H), Z.row_block(run.block * H, run.count * H));
}

/// f(block) for each block that has no gate of W.
template <class Cell, class F>
void for_each_block_without_input(F&& f) {
  for (int block = 0; block < Cell::kBlocks; ++block)
    if (gate_of_block<Cell>(block) < 0) f(block);
}

/// The biases of all blocks (NH): those of `w` if the blocks are its gates, else a copy with zeros for blocks without
/// one.
template <class Cell, class Scalar>
const Scalar* block_bias(const RecurrentWeights<const Scalar>& w, Buffer<Scalar, Cuda>& copy) {
  if (w.b.data && !w.b_R.data && Cell::kBlocks == Cell::kGates) return w.b.data;
  const Index H = w.shape.hidden;
  const auto bias = contiguous(copy, Cell::kBlocks * H, 1);
  fill(Cuda{}, bias, Scalar(0));
  if (w.b.data) for_each_input_run<Cell>(w.b, bias, H, [](auto b, auto block) { add_columns(Cuda{}, b, block); });
  if (w.b_R.data) add_columns(Cuda{}, w.b_R, bias.row_block(0, Cell::kGates * H));
  return bias.data;
}

}  // namespace

template <class Scalar>
Products<Scalar>::Products(Precision precision, bool backward)
    : rounding_(rounding_of<Scalar>(precision, backward)),
      types_(rounding_ == Rounding::none ? gemm_types_of<Scalar>(precision) : gemm_types_of_16_bit(fp16())) {}

template <class Scalar>
LowPrecision Products<Scalar>::operands(Buffer<std::uint16_t, Cuda>& buffer, Index count) const {
  if (rounding_ == Rounding::none) return {};
  buffer.resize(count);
  return {buffer.data(), fp16()};
}

template <class Scalar>
GemmOperand Products<Scalar>::operator()(MatrixView<const Scalar> a, Buffer<std::uint16_t, Cuda>& low) const {
  if constexpr (std::is_same_v<Scalar, float>)
    if (rounding_ != Rounding::none) {
      low.resize(a.rows * a.cols);
      round_to_low(a, fp16(), low.data());
      return {low.data(), a.rows, a.cols, a.rows};
    }
  return gemm_operand(a);
}

template <class Scalar>
void Products<Scalar>::multiply(Op op_a, Op op_b, const GemmOperand& a, const GemmOperand& b, double beta,
                                MatrixView<Scalar> c) const {
  cuda::multiply(types_, op_a, op_b, a, b, beta, c.data, c.stride, c.rows, c.cols);
}

template <class Scalar>
void Products<Scalar>::multiply_to_operand(const GemmOperand& a, const GemmOperand& b, const GemmOperand& c) const {
  cuda::multiply(types_.to_operand(), Op::none, Op::none, a, b, 0, const_cast<void*>(c.data), c.stride, c.rows, c.cols);
}

template <class Scalar>
GemmOperand Products<Scalar>::rows_of(const GemmOperand& a, Index first, Index count) const {
  const void* data = rounding_ == Rounding::none ? static_cast<const void*>(static_cast<const Scalar*>(a.data) + first)
                                                 : static_cast<const std::uint16_t*>(a.data) + first;
  return {data, count, a.cols, a.stride};
}

// ---- forward

template <class Cell, class Scalar>
ForwardPass<Cell, Scalar>::ForwardPass(const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                                       SequenceView<const Scalar> x, SequenceView<Scalar> y,
                                       RecurrentCache<Scalar, Cuda>& cache, Activations activations)
    : precision_(options.precision), products_(options.precision, false), w_(w), x_(x), y_(y), cache_(cache) {
  require_supported(options, w, cache);
  require_contiguous(w);
  auto& work = cache.workspace;
  const Index H = w.shape.hidden, P = w.shape.output, B = x.batch(), T = x.time();
  a_ = {.H = H,
        .P = P,
        .step_order = step_order_of(options, x.extent, w.shape.projects(), work, needed_),
        .R = w.R.data,
        .projection = w.projection.data,
        .peepholes = w.peepholes.data,
        .bias = block_bias<Cell>(w, work.bias),
        .product = contiguous(work.product, Cell::kGates * H, B).data,
        .gates = nullptr,
        .saves = activations == Activations::saved,
        .h0 = cache.h0.data(),
        .c_now = contiguous(work.c, Cell::kHasC ? H : 0, B).data,
        .c = nullptr,
        .tanh_c = nullptr,
        .y = {y.flat.data, y.flat.stride},
        .m = cache.m.data(),
        .h_low = products_.operands(work.h_low, P * B * (T + 1)),
        .m_low = {}};
  if (a_.projection) a_.m_low = products_.operands(work.m_low, H * B);
  set_activations(w.shape, activations);
  if constexpr (Cell::kHasC) copy(Cuda{}, std::as_const(cache.c0).at(0), MatrixView<Scalar>{a_.c_now, H, B, H});
  if constexpr (std::is_same_v<Scalar, float>)
    if (a_.h_low.data) round_to_low(std::as_const(cache.h0).flat(), a_.h_low.fp16, a_.h_low.data);
  W_ = products_(w.W, work.W_low);
}

/// Sets the destinations of W x, the gates, c and tanh(c).
template <class Cell, class Scalar>
void ForwardPass<Cell, Scalar>::set_activations(const RecurrentShape& shape, Activations activations) {
  auto& work = cache_.workspace;
  const Index columns = a_.step_order.B * a_.step_order.T, gates = Cell::kBlocks * shape.hidden * columns;
  const Index cells = Cell::kHasC && a_.saves ? shape.hidden * columns : 0;
  if (products_.rounding() != Rounding::none) {
    work.gates_low.resize(gates);
    for (auto* buffer : {&work.c_low, &work.tanh_c_low}) buffer->resize(cells);
    a_.gates = work.gates_low.data(), a_.c = work.c_low.data(), a_.tanh_c = work.tanh_c_low.data();
  } else if (activations == Activations::saved) {
    a_.gates = cache_.gates.data(), a_.c = cache_.c.data(), a_.tanh_c = cache_.tanh_c.data();
  } else {
    work.z.resize(gates);
    a_.gates = work.z.data();
  }
}

template <class Cell, class Scalar>
void ForwardPass<Cell, Scalar>::run() {
  auto& work = cache_.workspace;
  const StepOrder& step_order = a_.step_order;
  const Index H = a_.H, NH = Cell::kBlocks * H;
  // (0) Z = W X, all steps in one product; the cells add b and do not read the padding
  const GemmOperand X = products_(x_.flat, work.x_low), Z{a_.gates, NH, step_order.B * step_order.T, NH};
  for (const GateRun& run : Cell::kInputRuns)
    products_.multiply_to_operand(products_.rows_of(W_, run.gate * H, run.count * H), X,
                                  products_.rows_of(Z, run.block * H, run.count * H));
  for_each_block_without_input<Cell>([&](int block) {
    const auto clear = [&](auto* data) {
      fill(Cuda{}, MatrixView<std::remove_pointer_t<decltype(data)>>{data, NH, Z.cols, NH}.row_block(block * H, H), 0);
    };
    if (products_.rounding() == Rounding::none)
      clear(static_cast<Scalar*>(a_.gates));
    else
      clear(static_cast<std::uint16_t*>(a_.gates));
  });
  run_algorithm<Cell>(a_, precision_, w_, work, needed_);
  if (step_order.lengths) clear_padding(step_order, y_.flat);
}

// ---- backward

template <class Cell, class Scalar>
BackwardPass<Cell, Scalar>::BackwardPass(const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                                         SequenceView<const Scalar> x, SequenceView<Scalar> y,
                                         SequenceView<const Scalar> dy, RecurrentCache<Scalar, Cuda>& cache,
                                         const RecurrentWeights<Scalar>& grad, MatrixView<Scalar> dh_end,
                                         MatrixView<Scalar> dc_end, const RecurrentInputGradient<Scalar, Cuda>& to)
    : precision_(options.precision),
      products_(options.precision, true),
      w_(w),
      x_(x),
      y_(y),
      cache_(cache),
      grad_(grad),
      dh_end_(dh_end),
      dc_end_(dc_end),
      to_(to) {
  require_contiguous(w);
  const RecurrentCache<Scalar, Cuda>& saved = cache;
  auto& work = cache.workspace;
  const Index H = w.shape.hidden, P = w.shape.output, NH = Cell::kBlocks * H, B = x.batch(), T = x.time();
  const LowPrecision dz_low = products_.operands(work.dz_low, NH * B * T);
  if (!dz_low.data) work.dz.resize(NH * B * T);
  const bool low = products_.rounding() != Rounding::none;
  const auto dh = contiguous(work.dh_end, P, B), dc = contiguous(work.dc, H, B);
  copy(Cuda{}, dh_end, dh);
  if constexpr (Cell::kHasC)
    copy(Cuda{}, dc_end, dc);
  else
    fill(Cuda{}, dc, Scalar(0));
  a_ = {.H = H,
        .P = P,
        .step_order = step_order_of(options, x.extent, w.shape.projects(), work, needed_),
        .R = w.R.data,
        .projection = w.projection.data,
        .peepholes = w.peepholes.data,
        .gates = low ? static_cast<const void*>(work.gates_low.data()) : saved.gates.data(),
        .h0 = saved.h0.data(),
        .c0 = saved.c0.data(),
        .c = low ? static_cast<const void*>(work.c_low.data()) : saved.c.data(),
        .tanh_c = low ? static_cast<const void*>(work.tanh_c_low.data()) : saved.tanh_c.data(),
        .y = {y.flat.data, y.flat.stride},
        .dy = {dy.flat.data, dy.flat.stride},
        .dh_end = dh.data,
        .dc = dc.data,
        .dh = contiguous(work.dh, P, B).data,
        .dz = low ? nullptr : work.dz.data(),
        .dh_total = nullptr,
        .dm = nullptr,
        .dz_low = dz_low,
        .dh_low = {}};
  if (a_.projection) {
    work.dh_total.resize(P, B, T);
    a_.dh_total = work.dh_total.data();
    a_.dm = contiguous(work.dm, H, B).data;
    a_.dh_low = products_.operands(work.dh_low, P * B * T);
  }
  if (to.to_features()) W_ = products_(w.W, work.W_low);
}

/// A block of dZ as an operand of a product.
template <class Cell, class Scalar>
GemmOperand BackwardPass<Cell, Scalar>::dz_block(Index first_row, Index rows, Index first_column, Index count) const {
  const Index NH = Cell::kBlocks * a_.H, at = NH * first_column + first_row;
  const void* data = a_.dz_low.data ? static_cast<const void*>(a_.dz_low.data + at) : a_.dz + at;
  return {data, rows, count, NH};
}

template <class Cell, class Scalar>
void BackwardPass<Cell, Scalar>::run() {
  const Index H = a_.H, B = a_.step_order.B;
  run_algorithm<Cell>(a_, precision_, w_, cache_.workspace, needed_);
  if (a_.step_order.needed) clear_dz_padding();
  copy(Cuda{}, {a_.dh_end, a_.P, B, a_.P}, dh_end_);
  if constexpr (Cell::kHasC) copy(Cuda{}, {a_.dc, H, B, H}, dc_end_);
  if (to_.to_features()) write_dx();
  add_to_weights();
}

/// Sums over all columns include those that steps have skipped.
template <class Cell, class Scalar>
void BackwardPass<Cell, Scalar>::clear_dz_padding() {
  const Index NH = Cell::kBlocks * a_.H, columns = a_.step_order.B * a_.step_order.T;
  if (a_.dz_low.data)
    clear_padding(a_.step_order, MatrixView<std::uint16_t>{a_.dz_low.data, NH, columns, NH});
  else
    clear_padding(a_.step_order, MatrixView<Scalar>{a_.dz, NH, columns, NH});
}

/// (19) dX = W^T dZ
template <class Cell, class Scalar>
void BackwardPass<Cell, Scalar>::write_dx() {
  if (to_.add) wait_before_accumulating();
  const Index H = a_.H, columns = a_.step_order.B * a_.step_order.T;
  double beta = to_.add ? 1 : 0;
  for (const GateRun& run : Cell::kInputRuns) {
    products_.multiply(Op::transpose, Op::none, products_.rows_of(W_, run.gate * H, run.count * H),
                       dz_block(run.block * H, run.count * H, 0, columns), beta, to_.dx);
    beta = 1;
  }
}

template <class Cell, class Scalar>
void BackwardPass<Cell, Scalar>::add_to_weights() {
  auto& work = cache_.workspace;
  const Index H = a_.H, columns = a_.step_order.B * a_.step_order.T;
  const GemmOperand X = products_(clean(x_.flat, a_.step_order, work), work.x_low);
  for (const GateRun& run : Cell::kInputRuns)  // (16) dW = dZ X^T
    products_.multiply(Op::none, Op::transpose, dz_block(run.block * H, run.count * H, 0, columns), X, 1,
                       grad_.W.row_block(run.gate * H, run.count * H));
  if (grad_.b.data)  // (18) db = sum of dz
    for (const GateRun& run : Cell::kInputRuns) add_dz(run.block * H, grad_.b.row_block(run.gate * H, run.count * H));
  if (grad_.b_R.data) add_dz(0, grad_.b_R);
  add_to_dR();
  if (a_.projection) {  // (18a) dprojection = dH M^T
    const void* const data = a_.dh_low.data ? static_cast<const void*>(a_.dh_low.data) : a_.dh_total;
    products_.multiply(Op::none, Op::transpose, {data, a_.P, columns, a_.P},
                       products_(std::as_const(cache_.m).flat(), work.m_low), 1, grad_.projection);
  }
  if constexpr (Cell::kPeepholeCount >
                0) {  // dp = sum of dz times the c that the gate reads: c(t) for the last gate, else c(t-1)
    const auto dz_times_c = contiguous(work.dz_by_c, H, columns);
    for (int n = 0; n < Cell::kPeepholeCount; ++n) {
      const bool last = n + 1 == Cell::kPeepholeCount;
      const GemmOperand dz = dz_block((last ? Cell::kBlocks - 1 : n) * H, H, 0, columns);
      multiply_by_c(a_.step_order, !last, a_.dz_low.data != nullptr, dz.data, dz.stride, a_.c0, a_.c, dz_times_c);
      add_columns(Cuda{}, dz_times_c, grad_.peepholes.columns(n, 1));
    }
  }
}

/// sum += the columns of rows [first, first + rows of sum) of dZ.
template <class Cell, class Scalar>
void BackwardPass<Cell, Scalar>::add_dz(Index first, MatrixView<Scalar> sum) {
  const Index NH = Cell::kBlocks * a_.H, columns = a_.step_order.B * a_.step_order.T;
  if constexpr (std::is_same_v<Scalar, float>)
    if (a_.dz_low.data)
      return add_columns_of_bf16(MatrixView<const std::uint16_t>{a_.dz_low.data + first, sum.rows, columns, NH}, sum);
  add_columns(Cuda{}, MatrixView<const Scalar>{a_.dz + first, sum.rows, columns, NH}, sum);
}

/// (17) dR = sum of dz(t) h(t-1)^T. h(t-1) is in y, one step from dz(t); h0 is separate.
template <class Cell, class Scalar>
void BackwardPass<Cell, Scalar>::add_to_dR() {
  auto& work = cache_.workspace;
  const StepOrder& step_order = a_.step_order;
  const Index B = step_order.B, T = step_order.T, GH = Cell::kGates * a_.H;
  if (T == 0) return;
  GemmOperand dz_first = dz_block(0, GH, step_order.reverse ? B * (T - 1) : 0, B);
  if (step_order.reverse && step_order.lengths) {  // each sequence has its own first step, next to zero padding in y
    const auto gather = [&](const auto* dz, auto& buffer) {
      using Value = std::remove_const_t<std::remove_pointer_t<decltype(dz)>>;
      const MatrixView<Value> first = contiguous(buffer, GH, B);
      const Index NH = Cell::kBlocks * a_.H;
      gather_first_steps(step_order, MatrixView<const Value>{dz, GH, B * T, NH}, first);
      dz_first = gemm_operand(first);
    };
    if (a_.dz_low.data)
      gather(std::as_const(work.dz_low).data(), work.dz_first_low);
    else
      gather(std::as_const(work.dz).data(), work.dz_first);
  }
  const auto multiply = [&](const GemmOperand& dz, MatrixView<const Scalar> h_before) {
    products_.multiply(Op::none, Op::transpose, dz, products_(h_before, work.h_low), 1, grad_.R);
  };
  multiply(dz_first, std::as_const(cache_.h0).flat());
  if (T > 1)
    multiply(dz_block(0, GH, step_order.reverse ? 0 : B, B * (T - 1)),
             y_.flat.columns(step_order.reverse ? B : 0, B * (T - 1)));
}

template class Products<float>;
template class Products<double>;
template class ForwardPass<LstmCell, float>;
template class ForwardPass<LstmCell, double>;
template class BackwardPass<LstmCell, float>;
template class BackwardPass<LstmCell, double>;
template class ForwardPass<GruCell, float>;
template class ForwardPass<GruCell, double>;
template class BackwardPass<GruCell, float>;
template class BackwardPass<GruCell, double>;
template class ForwardPass<PeepholeLstmCell, float>;
template class ForwardPass<PeepholeLstmCell, double>;
template class BackwardPass<PeepholeLstmCell, float>;
template class BackwardPass<PeepholeLstmCell, double>;
template class ForwardPass<CoupledLstmCell, float>;
template class ForwardPass<CoupledLstmCell, double>;
template class BackwardPass<CoupledLstmCell, float>;
template class BackwardPass<CoupledLstmCell, double>;
template class ForwardPass<CoupledPeepholeLstmCell, float>;
template class ForwardPass<CoupledPeepholeLstmCell, double>;
template class BackwardPass<CoupledPeepholeLstmCell, float>;
template class BackwardPass<CoupledPeepholeLstmCell, double>;

}  // namespace rondo::inline RONDO_ABI::cuda
