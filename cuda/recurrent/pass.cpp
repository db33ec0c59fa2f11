// SPDX-License-Identifier: MIT
#include "pass.hpp"

#include "algorithm_selection.hpp"
#include "operands.hpp"

#include <rondo/cuda/operations.hpp>
#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>
#include <rondo/math/cells/lstm_variants.hpp>

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

/// The lengths of a ragged batch, on the device; null for a dense one.
const std::int32_t* device_lengths(const Extent& x, Buffer<std::int32_t, Cuda>& buffer) {
  if (!x.ragged()) return nullptr;
  require_shape(x.time <= std::numeric_limits<std::int32_t>::max(), "rondo::cuda: a ragged batch of T = ", x.time);
  const std::vector<std::int32_t> lengths(x.lengths.begin(), x.lengths.end());
  buffer.resize(x.batch);
  copy_from_host(buffer.data(), lengths.data(), lengths.size() * sizeof(std::int32_t));
  return buffer.data();
}

template <class Scalar>
StepOrder step_order_of(const PassOptions& options, const Extent& x, RecurrentWorkspace<Scalar, Cuda>& work) {
  return {x.batch, x.time, options.direction == Direction::reverse, device_lengths(x, work.lengths)};
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

namespace {

/// Rows [first, first + count) of an operand of Scalars or, if `low`, of 16 bits.
template <class Scalar>
GemmOperand rows_of(const GemmOperand& a, bool low, Index first, Index count) {
  const void* data = low ? static_cast<const void*>(static_cast<const std::uint16_t*>(a.data) + first)
                         : static_cast<const Scalar*>(a.data) + first;
  return {data, count, a.cols, a.stride};
}

}  // namespace

// ---- forward

template <class Cell, class Scalar>
ForwardPass<Cell, Scalar>::ForwardPass(const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                                       SequenceView<const Scalar> x, SequenceView<Scalar> y,
                                       RecurrentCache<Scalar, Cuda>& cache)
    : precision_(options.precision), products_(options.precision, false), w_(w), x_(x), y_(y), cache_(cache) {
  require_supported(options, w, cache);
  require_contiguous(w);
  auto& work = cache.workspace;
  const Index H = w.shape.hidden, P = w.shape.output, B = x.batch(), T = x.time();
  a_ = {.H = H,
        .P = P,
        .step_order = step_order_of(options, x.extent, work),
        .first = 0,
        .last = 0,
        .R = w.R.data,
        .projection = w.projection.data,
        .peepholes = w.peepholes.data,
        .bias = block_bias<Cell>(w, work.bias),
        .gates = cache.gates.data(),
        .h0 = cache.h0.data(),
        .c0 = cache.c0.data(),
        .c = cache.c.data(),
        .tanh_c = cache.tanh_c.data(),
        .y = {y.flat.data, y.flat.stride},
        .m = cache.m.data(),
        .h_low = products_.operands(work.h_low, P * B * (T + 1)),
        .m_low = {}};
  if (a_.projection) a_.m_low = products_.operands(work.m_low, H * B);
  if constexpr (std::is_same_v<Scalar, float>)
    if (a_.h_low.data) round_to_low(std::as_const(cache.h0).flat(), a_.h_low.fp16, a_.h_low.data);
  W_ = products_(w.W, work.W_low);
}

template <class Cell, class Scalar>
void ForwardPass<Cell, Scalar>::run(Index first, Index last) {
  auto& work = cache_.workspace;
  const StepOrder& step_order = a_.step_order;
  const Index H = a_.H, from = step_order.reverse ? step_order.T - last : first;  // the earliest time of this range
  const Index column = step_order.B * from, count = step_order.B * (last - first);
  // (0) Z = W X, all steps in one product; the cells add b and do not read the padding
  const GemmOperand X = products_(x_.flat.columns(column, count), work.x_low);
  const auto Z = cache_.gates.flat().columns(column, count);
  for (const GateRun& run : Cell::kInputRuns)
    products_.multiply(Op::none, Op::none,
                       rows_of<Scalar>(W_, products_.rounding() != Rounding::none, run.gate * H, run.count * H), X, 0,
                       Z.row_block(run.block * H, run.count * H));
  for_each_block_without_input<Cell>([&](int block) { fill(Cuda{}, Z.row_block(block * H, H), Scalar(0)); });
  a_.first = first, a_.last = last;
  run_algorithm<Cell>(a_, precision_, w_, work);
  if (last == step_order.T && step_order.reverse && step_order.lengths) clear_padding(step_order, y_.flat);
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
  work.dz.resize(NH, B, T);
  const auto dh = contiguous(work.dh_end, P, B), dc = contiguous(work.dc, H, B);
  copy(Cuda{}, dh_end, dh);
  if constexpr (Cell::kHasC)
    copy(Cuda{}, dc_end, dc);
  else
    fill(Cuda{}, dc, Scalar(0));
  a_ = {.H = H,
        .P = P,
        .step_order = step_order_of(options, x.extent, work),
        .first = 0,
        .last = 0,
        .R = w.R.data,
        .projection = w.projection.data,
        .peepholes = w.peepholes.data,
        .gates = saved.gates.data(),
        .h0 = saved.h0.data(),
        .c0 = saved.c0.data(),
        .c = saved.c.data(),
        .tanh_c = saved.tanh_c.data(),
        .y = {y.flat.data, y.flat.stride},
        .dy = {dy.flat.data, dy.flat.stride},
        .dh_end = dh.data,
        .dc = dc.data,
        .dh = contiguous(work.dh, P, B).data,
        .dz = work.dz.data(),
        .dh_total = nullptr,
        .dm = nullptr,
        .dz_low = products_.operands(work.dz_low, NH * B * T),
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
void BackwardPass<Cell, Scalar>::run(Index first, Index last) {
  const StepOrder& step_order = a_.step_order;
  a_.first = first, a_.last = last == step_order.T ? step_order.T + 1 : last;
  run_algorithm<Cell>(a_, precision_, w_, cache_.workspace);
  if (!to_.to_features()) return;
  if (to_.add) wait_before_accumulating();
  const Index from = step_order.reverse ? first : step_order.T - last;  // the earliest time of this range
  const Index H = a_.H, column = step_order.B * from, count = step_order.B * (last - first);
  double beta = to_.add ? 1 : 0;
  for (const GateRun& run : Cell::kInputRuns) {  // (19) dX = W^T dZ
    products_.multiply(Op::transpose, Op::none,
                       rows_of<Scalar>(W_, products_.rounding() != Rounding::none, run.gate * H, run.count * H),
                       dz_block(run.block * H, run.count * H, column, count), beta, to_.dx.columns(column, count));
    beta = 1;
  }
}

template <class Cell, class Scalar>
void BackwardPass<Cell, Scalar>::finish() {
  auto& work = cache_.workspace;
  const Index H = a_.H, GH = Cell::kGates * H, columns = a_.step_order.B * a_.step_order.T;
  copy(Cuda{}, {a_.dh_end, a_.P, a_.step_order.B, a_.P}, dh_end_);
  if constexpr (Cell::kHasC) copy(Cuda{}, {a_.dc, H, a_.step_order.B, H}, dc_end_);
  const GemmOperand X = products_(clean(x_.flat, a_.step_order, work), work.x_low);
  for (const GateRun& run : Cell::kInputRuns)  // (16) dW = dZ X^T
    products_.multiply(Op::none, Op::transpose, dz_block(run.block * H, run.count * H, 0, columns), X, 1,
                       grad_.W.row_block(run.gate * H, run.count * H));
  const auto dZ = std::as_const(work.dz).flat();
  if (grad_.b.data)  // (18) db = sum of dz
    for_each_input_run<Cell>(grad_.b, dZ, H, [](auto db, auto rows) { add_columns(Cuda{}, rows, db); });
  if (grad_.b_R.data) add_columns(Cuda{}, dZ.row_block(0, GH), grad_.b_R);
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
      multiply_by_c(a_.step_order, !last, dZ.row_block((last ? Cell::kBlocks - 1 : n) * H, H), a_.c0,
                    std::as_const(cache_.c).flat(), dz_times_c);
      add_columns(Cuda{}, dz_times_c, grad_.peepholes.columns(n, 1));
    }
  }
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
    const auto first = contiguous(work.dz_first, GH, B);
    gather_first_steps(step_order, std::as_const(work.dz).flat().row_block(0, GH), first);
    dz_first = products_(first, work.dz_first_low);
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
