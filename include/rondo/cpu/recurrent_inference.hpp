// SPDX-License-Identifier: MIT
// One recurrent layer in one direction whose weights lie packed, run forward and nothing kept, on the CPU: see
// layers/inference.hpp. Legend: H hidden units, P outputs, G gates, N blocks of the cell, B batch.
#pragma once

#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/weight_copy.hpp>
#include <rondo/recurrent/inference.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace rondo::inline v0 {

template <class Scalar>
struct InferenceWeights<Scalar, Cpu> {
  RecurrentShape shape;
  PassOptions options;
  const detail::Kernels* kernels = nullptr;  // of the level that packed them; null: the plain pass
  detail::PackedWeights<float> packed;
  detail::PackedWeights<std::uint32_t> packed_bf16;
  detail::WeightCopy<Scalar> plain;  // of the plain pass
  Buffer<Scalar> bias;               // NH, of the packed one

  /// The packed weights of a pass whose products multiply such words.
  template <class Packed, class Self>
  static auto& packed_for(Self& self) {
    if constexpr (std::is_same_v<Packed, float>)
      return self.packed;
    else
      return self.packed_bf16;
  }
};

template <class Scalar>
struct InferenceWorkspace<Scalar, Cpu> {
  Sequence<Scalar> h0, c0, c, m;  // P x B x 1, H x B x 1
  Buffer<Scalar> z;               // NH x B of some steps
  detail::ForwardOperands<float> operands;
  detail::ForwardOperands<std::uint32_t> operands_bf16;
  RecurrentCache<Scalar> cache;  // of the plain pass

  template <class Packed>
  detail::ForwardOperands<Packed>& operands_for() {
    if constexpr (std::is_same_v<Packed, float>)
      return operands;
    else
      return operands_bf16;
  }
};

/// Copies and packs a layer's weights.
template <class Cell, class Scalar>
void recurrent_prepare_inference(Cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& from,
                                 InferenceWeights<Scalar, Cpu>& to) {
  to.shape = from.shape, to.options = options;
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked)
    if ((to.kernels = detail::packed_kernels<Cell>(from, options)) != nullptr) {
      Buffer<float> copy;
      const float* const bias = detail::block_bias<Cell>(from, copy);
      to.bias.resize(Cell::kBlocks * from.shape.hidden);
      std::copy_n(bias, to.bias.size(), to.bias.data());
      return detail::with_packed_type(options.precision, [&](auto word) {
        auto& packed = to.template packed_for<decltype(word)>(to);
        packed.template reserve_W<Cell>(*to.kernels, from.shape);
        packed.template reserve_R<Cell>(*to.kernels, from.shape);
        packed.template pack<Cell>(from.W, {0, from.shape.hidden}, packed.W);
        packed.template pack<Cell>(from.R, {0, from.shape.hidden}, packed.R);
        if (from.projection.data) {
          packed.reserve_projection(*to.kernels, from.shape);
          packed.pack_projection(*to.kernels, from.projection, {0, from.shape.output});
        }
      });
    }
  to.plain.assign(from);
}

namespace detail {

template <class Cell, class Packed>
void infer_packed(const InferenceWeights<float, Cpu>& w, SequenceView<const float> x, MatrixView<float> h,
                  MatrixView<float> c, SequenceView<float> y, InferenceWorkspace<float, Cpu>& work) {
  const Kernels& k = *w.kernels;
  const Index H = w.shape.hidden, NH = Cell::kBlocks * H, B = x.batch();
  const Index chunk = std::min(x.time(), forward_chunk_steps(B));
  for (auto* s : {&work.c0, &work.c, &work.m}) s->resize(H, B, 1);
  work.h0.resize(w.shape.output, B, 1);
  copy(Cpu{}, h, work.h0.at(0));
  if constexpr (Cell::kHasC) copy(Cpu{}, c, work.c0.at(0));
  work.z.resize(NH * B * chunk);
  auto& operands = work.operands_for<Packed>();
  operands.h.resize(w.shape.output, 2 * B);
  operands.m.resize(H, B);
  const auto& packed = w.packed_for<Packed>(w);
  const FeatureInput<Cell, Packed> input(k, H, packed.W.data(), w.bias.data(), x, chunk, operands.x);
  const RingBuffer c_now{work.c.data(), H, B, 1};
  const ForwardBuffers buffers{
      work.h0.at(0), work.c0.at(0), {work.z.data(), NH, B, chunk}, c_now, c_now, false, y, h, c};
  const Projection<Packed> projection{
      w.shape.projects() ? packed.projection.data() : nullptr, &operands.m, {work.m.data(), H, B, 1}};
  run_parallel(num_threads(), [&](const ThreadGroup& group) {
    forward_steps<Cell>(k, group, Steps{w.options.direction, x.extent}, input, w.bias.data(), packed.R.data(),
                        operands.h, projection, buffers);
  });
}

}  // namespace detail

/// Runs over x (C x B x T) from the state h (P x B), c (H x B), which moves to each sequence's end. y becomes P x B x
/// T; zeros in padding.
template <class Cell, class Scalar>
void recurrent_infer(Cpu cpu, Cell cell, const InferenceWeights<Scalar, Cpu>& w, SequenceView<const Scalar> x,
                     MatrixView<Scalar> h, MatrixView<Scalar> c, SequenceView<Scalar> y,
                     InferenceWorkspace<Scalar, Cpu>& work) {
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked)
    if (w.kernels != nullptr)
      return detail::with_packed_type(
          w.options.precision, [&](auto word) { detail::infer_packed<Cell, decltype(word)>(w, x, h, c, y, work); });
  auto& cache = work.cache;
  cache.template resize<Cell>(w.shape, x.extent);
  copy(cpu, h, cache.h0.at(0));
  if constexpr (Cell::kHasC) copy(cpu, c, cache.c0.at(0));
  recurrent_forward_plain(cpu, cell, w.options, w.plain.weights(), x, y, cache);
  recurrent_final_state(cpu, cell, w.options.direction, SequenceView<const Scalar>(y), cache, h, c);
}

}  // namespace rondo::inline v0
