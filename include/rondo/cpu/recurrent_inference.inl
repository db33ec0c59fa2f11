// SPDX-License-Identifier: MIT
// Definitions of cpu/recurrent_inference.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/recurrent.inl>
#include <rondo/cpu/thread_group.hpp>
#include <rondo/cpu/threads.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI {

template <class Cell, class Scalar>
void recurrent_prepare_inference(Cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& from,
                                 InferenceWeights<Scalar, Cpu>& to) {
  to.shape = from.shape, to.options = options;
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked)
    if ((to.kernels = detail::packed_level<Cell>(from, options)) != nullptr) {
      Buffer<float> copy;
      const float* const bias = detail::block_bias<Cell>(from, copy);
      to.bias.resize(Cell::kBlocks * from.shape.hidden);
      std::copy_n(bias, to.bias.size(), to.bias.data());
      const detail::PackedKernels k = detail::packed_kernels<Cell>(*to.kernels, options.precision);
      auto& packed = to.packed;
      packed.template reserve_W<Cell>(k, from.shape);
      packed.template reserve_R<Cell>(k, from.shape);
      packed.template pack<Cell>(k, from.W, {0, from.shape.hidden}, packed.W);
      packed.template pack<Cell>(k, from.R, {0, from.shape.hidden}, packed.R);
      if (from.projection.data) {
        packed.reserve_projection(k, from.shape);
        packed.pack_projection(k, from.projection, {0, from.shape.output});
      }
      return;
    }
  to.plain.assign(from);
}

namespace detail {

template <class Cell>
void infer_packed(const InferenceWeights<float, Cpu>& w, SequenceView<const float> x, MatrixView<float> h,
                  MatrixView<float> c, SequenceView<float> y, InferenceWorkspace<float, Cpu>& work) {
  const PackedKernels k = packed_kernels<Cell>(*w.kernels, w.options.precision);
  const Index H = w.shape.hidden, NH = Cell::kBlocks * H, B = x.batch();
  const Index chunk = std::min(x.time(), forward_chunk_steps(B));
  for (auto* s : {&work.c0, &work.c, &work.m}) s->resize(H, B, 1);
  work.h0.resize(w.shape.output, B, 1);
  copy(Cpu{}, h, work.h0.at(0));
  if constexpr (Cell::kHasC) copy(Cpu{}, c, work.c0.at(0));
  work.z.resize(NH * B * chunk);
  auto& operands = work.operands;
  operands.h.resize(k.products, w.shape.output, 2 * B);
  operands.m.resize(k.products, H, B);
  const PackedWeights& packed = w.packed;
  const FeatureInput<Cell> input(k, H, packed.W.data(), w.bias.data(), x, chunk, operands.x);
  const RingBuffer c_now{work.c.data(), H, B, 1};
  const ForwardBuffers buffers{
      work.h0.at(0), work.c0.at(0), {work.z.data(), NH, B, chunk}, c_now, c_now, false, y, h, c};
  const Projection projection{
      w.shape.projects() ? packed.projection.data() : nullptr, &operands.m, {work.m.data(), H, B, 1}};
  run_parallel(num_threads(), [&](const ThreadGroup& group) {
    forward_steps<Cell>(k, group, Steps{w.options.direction, x.extent}, input, w.bias.data(), packed.R.data(),
                        operands.h, projection, buffers);
  });
}

}  // namespace detail

template <class Cell, class Scalar>
void recurrent_infer(Cpu cpu, Cell cell, const InferenceWeights<Scalar, Cpu>& w, SequenceView<const Scalar> x,
                     MatrixView<Scalar> h, MatrixView<Scalar> c, SequenceView<Scalar> y,
                     InferenceWorkspace<Scalar, Cpu>& work) {
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked)
    if (w.kernels != nullptr) return detail::infer_packed<Cell>(w, x, h, c, y, work);
  auto& cache = work.cache;
  cache.template resize<Cell>(w.shape, x.extent, w.options.precision);
  copy(cpu, h, cache.h0.at(0));
  if constexpr (Cell::kHasC) copy(cpu, c, cache.c0.at(0));
  recurrent_forward_plain(cpu, cell, w.options, w.plain.weights(), x, y, cache);
  recurrent_final_state(cpu, cell, w.options.direction, SequenceView<const Scalar>(y), cache, h, c);
}

}  // namespace rondo::inline RONDO_ABI
