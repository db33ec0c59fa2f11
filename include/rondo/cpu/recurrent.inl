// SPDX-License-Identifier: MIT
// Definitions of cpu/recurrent.hpp: selects the packed or the plain pass.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/cpu/embedding.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/packed_backward.hpp>
#include <rondo/cpu/packed_forward.hpp>
#include <rondo/cpu/recurrent_plain.hpp>
#include <rondo/cpu/thread_group.hpp>
#include <rondo/cpu/threads.hpp>

#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Whether the table W E + b, with V columns, costs less than W X, with B*T columns.
template <class Scalar>
bool use_input_table(const TokenInput<Scalar>& x) {
  return x.E.cols < x.batch * x.time;
}

/// Packs the weights and runs forward_steps in all threads. W is null if `input` does not need it packed.
template <class Cell>
void run_forward_steps(const PackedKernels& k, Direction direction, const RecurrentWeights<const float>& w,
                       MatrixView<const float> W, const InputProjection& input, const float* bias,
                       SequenceView<float> y, RecurrentCache<float>& cache) {
  const Index H = w.shape.hidden, B = y.batch(), T = y.time();
  auto& work = cache.workspace.packed;
  work.weights.reserve_R<Cell>(k, w.shape);
  work.operands.h.resize(k.products, w.shape.output, 2 * B);
  const bool projects = w.projection.data != nullptr;
  if (projects) {
    work.weights.reserve_projection(k, w.shape);
    work.operands.m.resize(k.products, H, B);
  }
  const Projection projection{
      projects ? work.weights.projection.data() : nullptr, &work.operands.m, {cache.m.data(), H, B, T}};
  const auto all_steps = [&](float* data, Index rows) { return RingBuffer{data, rows, B, T}; };
  float* const c = Cell::kHasC ? cache.c.data() : cache.gates.data();
  const ForwardBuffers buffers{cache.h0.at(0),
                               cache.c0.flat(),
                               all_steps(cache.gates.data(), Cell::kBlocks * H),
                               all_steps(c, H),
                               all_steps(Cell::kHasC ? cache.tanh_c.data() : c, H),
                               true,
                               y,
                               {},
                               {}};
  run_parallel(num_threads(), [&](const ThreadGroup& group) {
    const ThreadGroup::Range units = group.range(H, k.level.lanes);
    if (W.data) PackedWeights::pack<Cell>(k, W, units, work.weights.W);
    PackedWeights::pack<Cell>(k, w.R, units, work.weights.R);
    if (projects) work.weights.pack_projection(k, w.projection, group.range(w.shape.output, k.level.panel_rows));
    group.barrier();
    forward_steps<Cell>(k, group, Steps{direction, y.extent}, input, bias, work.weights.R.data(), work.operands.h,
                        projection, buffers);
  });
}

template <class Cell>
void packed_forward(const PackedKernels& k, Direction direction, const RecurrentWeights<const float>& w,
                    const RecurrentInput<float>& x, SequenceView<float> y, RecurrentCache<float>& cache) {
  const float* const bias = block_bias<Cell>(w, cache.workspace.bias);
  if (x.is_tokens()) {
    const TableInput<Cell> input(k.level, w.shape.hidden, bias, x.tokens(), cache.workspace.table);
    input.fill_table(w.W);
    run_forward_steps<Cell>(k, direction, w, {}, input, bias, y, cache);
    return;
  }
  auto& work = cache.workspace.packed;
  work.weights.reserve_W<Cell>(k, w.shape);
  const FeatureInput<Cell> input(k, w.shape.hidden, work.weights.W.data(), bias, x.sequence(),
                                 forward_chunk_steps(x.batch()), work.operands.x);
  run_forward_steps<Cell>(k, direction, w, w.W, input, bias, y, cache);
}

/// Adds the sums of dz (NH) to the gradients of the biases.
template <class Cell>
void add_block_sums(const float* sums, const RecurrentWeights<float>& grad) {
  const Index H = grad.shape.hidden;
  for (int g = 0; g < Cell::kGates; ++g)
    for (Index u = 0; u < H; ++u) {
      if (grad.b.data) grad.b(g * H + u, 0) += sums[block_of_gate<Cell>(g) * H + u];
      if (grad.b_R.data) grad.b_R(g * H + u, 0) += sums[g * H + u];
    }
}

template <class Cell>
void packed_backward(const PackedKernels& k, Direction direction, const RecurrentWeights<const float>& w,
                     const RecurrentInput<float>& x, SequenceView<float> y, SequenceView<const float> dy,
                     RecurrentCache<float>& cache, const RecurrentWeights<float>& grad, MatrixView<float> dh_end,
                     MatrixView<float> dc_end, const RecurrentInputGradient<float>& to) {
  const Index GH = Cell::kGates * w.shape.hidden, NH = Cell::kBlocks * w.shape.hidden;
  const bool in_place = kSameBlocks<Cell> && !grad.b_R.data;
  float* db = grad.b.data;  // null: not computed
  if (!in_place) {
    cache.workspace.d_bias.resize(NH);
    std::fill(cache.workspace.d_bias.begin(), cache.workspace.d_bias.end(), 0.0f);
    db = cache.workspace.d_bias.data();
  }
  const auto run = [&](const FeatureGradient* features, const TableGradient* table) {
    BackwardPass<Cell> pass(k, Steps{direction, y.extent}, w, cache, y, dy, features, table, grad, db, dh_end, dc_end,
                            cache.workspace.packed.backward);
    run_parallel(num_threads(), [&](const ThreadGroup& group) { pass.run(group); });
  };
  if (x.is_tokens()) {
    const TokenInput<float>& tokens = x.tokens();
    cache.workspace.d_table.resize(GH * tokens.E.cols);
    const MatrixView<float> d_table{cache.workspace.d_table.data(), GH, tokens.E.cols, GH};
    fill(Cpu{}, d_table, 0.0f);
    const TableGradient table{tokens, d_table};
    run(nullptr, &table);
    gemm(Cpu{}, Op::none, Op::transpose, d_table, tokens.E, grad.W);  // forward: table = W E + b
    if (to.dE.data) gemm(Cpu{}, Op::transpose, Op::none, w.W, d_table, to.dE);
  } else {
    const FeatureGradient features{w.W, x.sequence(), grad.W, to};
    run(&features, nullptr);
  }
  if (!in_place) add_block_sums<Cell>(db, grad);
}

/// Throws unless a buffer of the forward pass is rows x B x T of x, that is, unless the forward pass had the same type
/// of input and the same implementation.
template <class Scalar>
void require_left(const char* who, const Sequence<Scalar>& left, Index rows, const Extent& x) {
  require_shape(left.features() == rows && left.batch() == x.batch && left.time() == x.time, who,
                "::backward: the cache is from a different forward pass (features or tokens, packed or plain); x is ",
                SequenceShape{rows, x.batch, x.time});
}

/// Whether the packed pass supports this layer and these options.
template <class Cell, class Scalar>
bool packed_supports(const RecurrentWeights<const Scalar>& w, const PassOptions& options) {
  return std::is_same_v<Scalar, float> && Cell::kPacked && !w.norm_x.data && options.zoneout_h == 0 &&
         options.zoneout_c == 0 && options.recurrent_dropout == 0;
}

/// The kernels of the level in use, if the packed pass supports this layer; null: the plain pass is used.
template <class Cell, class Scalar>
const Kernels* packed_level(const RecurrentWeights<const Scalar>& w, const PassOptions& options) {
  return packed_supports<Cell>(w, options) ? kernels() : nullptr;
}

}  // namespace detail

template <class Cell, class Scalar>
const char* recurrent_path(Cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w) {
  return detail::packed_level<Cell>(w, options) ? "packed" : "plain";
}

template <class Cell, class Scalar>
void recurrent_forward(Cpu cpu, Cell cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                       const RecurrentInput<Scalar>& x, SequenceView<Scalar> y, RecurrentCache<Scalar>& cache) {
  const detail::Kernels* const k = detail::packed_level<Cell>(w, options);
  if (x.is_tokens() && !(k && detail::use_input_table(x.tokens()))) {
    auto& features = cache.workspace.x;
    features.resize(x.features(), x.batch(), x.time());
    embedding_forward(cpu, x.tokens().E, x.tokens().tokens, features.flat());
    return recurrent_forward(cpu, cell, options, w, RecurrentInput<Scalar>(std::as_const(features)), y, cache);
  }
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked)
    if (k)
      return detail::packed_forward<Cell>(detail::packed_kernels<Cell>(*k, options.precision), options.direction, w, x,
                                          y, cache);
  recurrent_forward_plain(cpu, cell, options, w, x.sequence(), y, cache);
}

template <class Cell, class Scalar>
void recurrent_backward(Cpu cpu, Cell cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                        const RecurrentInput<Scalar>& x, SequenceView<Scalar> y, SequenceView<const Scalar> dy,
                        RecurrentCache<Scalar>& cache, const RecurrentWeights<Scalar>& grad, MatrixView<Scalar> dh_end,
                        MatrixView<Scalar> dc_end, const RecurrentInputGradient<Scalar>& to) {
  const detail::Kernels* const k = detail::packed_level<Cell>(w, options);
  if (x.is_tokens() && !(k && detail::use_input_table(x.tokens()))) {
    const auto& features = cache.workspace.x;
    detail::require_left(Cell::kName, features, x.features(), x.extent());
    auto& d_features = cache.workspace.dx;
    d_features.resize(x.features(), x.batch(), x.time());
    recurrent_backward(cpu, cell, options, w, RecurrentInput<Scalar>(features), y, dy, cache, grad, dh_end, dc_end,
                       RecurrentInputGradient<Scalar>{d_features.flat()});
    if (to.dE.data) embedding_backward(cpu, x.tokens().tokens, d_features.flat(), to.dE);
    return;
  }
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked)
    if (k)
      return detail::packed_backward<Cell>(detail::packed_kernels<Cell>(*k, options.precision), options.direction, w, x,
                                           y, dy, cache, grad, dh_end, dc_end, to);
  detail::require_left(Cell::kName, cache.workspace.plain.h_before, w.shape.output, x.extent());
  recurrent_backward_plain(cpu, cell, options, w, x.sequence(), SequenceView<const Scalar>(y), dy, cache, grad, dh_end,
                           dc_end, to);
}

template <class Cell, class Scalar>
void recurrent_final_state(Cpu, Cell, Direction direction, SequenceView<const Scalar> y,
                           const RecurrentCache<Scalar>& cache, MatrixView<Scalar> h, MatrixView<Scalar> c) {
  const Steps steps{direction, y.extent};
  for (Index b = 0; b < y.batch(); ++b) {
    const bool moves = y.extent.length(b) > 0;
    detail::column_of(h, b) = detail::column_of(moves ? y.at(steps.end(b)) : cache.h0.at(0), b);
    if constexpr (Cell::kHasC)
      detail::column_of(c, b) = detail::column_of(moves ? cache.c.at(steps.end(b)) : cache.c0.at(0), b);
  }
}

namespace detail {

/// One step of the plain pass: a pass with T = 1.
template <class Cell, class Scalar>
void recurrent_step_plain(Cpu cpu, Cell cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                          MatrixView<const Scalar> x, MatrixView<Scalar> h, MatrixView<Scalar> c,
                          StepScratch<Scalar, Cpu>& scratch) {
  auto& cache = scratch.cache;
  const Extent one_step{x.cols, 1, {}};
  cache.template resize<Cell>(w.shape, one_step, options.precision);
  copy(cpu, h, cache.h0.at(0));
  if constexpr (Cell::kHasC) copy(cpu, c, cache.c0.at(0));
  recurrent_forward_plain(cpu, cell, options, w, {x, one_step}, {h, one_step}, cache);
  if constexpr (Cell::kHasC) copy(cpu, cache.c.at(0), c);
}

}  // namespace detail

template <class Cell, class Scalar>
void recurrent_step(Cpu cpu, Cell cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                    MatrixView<const Scalar> x, MatrixView<Scalar> h, MatrixView<Scalar> c,
                    StepScratch<Scalar, Cpu>& scratch) {
  const Index H = w.shape.hidden, B = x.cols;
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked)
    if (detail::packed_level<Cell>(w, options)) {
      const float* const bias = detail::block_bias<Cell>(w, scratch.cache.workspace.bias);
      auto& gates = scratch.cache.gates;
      gates.resize(Cell::kBlocks * H, B, 1);
      const MatrixView<float> z = gates.at(0);
      for (Index b = 0; b < B; ++b) std::copy_n(bias, z.rows, &z(0, b));
      detail::for_each_input_run<Cell>(w.W, z, H,
                                       [&](auto W, auto rows) { gemm(cpu, Op::none, Op::none, W, x, rows); });
      gemm(cpu, Op::none, Op::none, w.R, h, z.row_block(0, Cell::kGates * H));
      const MatrixView<float> own = Cell::kHasC ? c : h;
      scratch.cache.m.resize(w.projection.data ? H : 0, B, 1);
      const MatrixView<float> cell_output = w.projection.data ? scratch.cache.m.at(0) : h;
      const detail::StepCells cells{.bias = z.data,
                                    .bias_column = z.stride,
                                    .gates = z.data,
                                    .gates_column = z.stride,
                                    .block = H,
                                    .before = own.data,
                                    .before_column = own.stride,
                                    .c = own.data,
                                    .tanh_c = own.data,
                                    .c_column = own.stride,
                                    .h = cell_output.data,
                                    .h_column = cell_output.stride,
                                    .save_for_backward = false};
      detail::cell_kernels<Cell>()->fp32.step({B, 0, false, nullptr, {nullptr, 0, 0}, cells}, 0, H);
      if (w.projection.data) {
        fill(cpu, h, 0.0f);
        gemm(cpu, Op::none, Op::none, w.projection, cell_output, h);
      }
      return;
    }
  detail::recurrent_step_plain(cpu, cell, options, w, x, h, c, scratch);
}

}  // namespace rondo::inline RONDO_ABI
