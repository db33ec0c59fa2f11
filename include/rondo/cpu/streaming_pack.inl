// SPDX-License-Identifier: MIT
// Definitions of cpu/streaming.hpp: the choice of a kernel for a layer, and the packing of its weights.
#pragma once

#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/recurrent.inl>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI::detail {

template <class Cell, class Scalar>
StreamLayer<Cell, Scalar>::StreamLayer(const RecurrentWeights<const Scalar>& w, const PassOptions& options,
                                       const StreamingOptions& streaming, bool first)
    : shape_(w.shape), options_(options), voices_(streaming.voices), first_(first) {
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked)
    if (packed_supports<Cell>(w, options) && (voices_ == 1 || !shape_.projects())) kernels_ = stream_kernels<Cell>();
  if (streaming.precision != WeightPrecision::fp32) {
    require_shape(packed_supports<Cell>(w, options) && !shape_.projects(), "Streaming", Cell::kName,
                  ": weights of bf16 and int8 are for float layers of LSTM and GRU without projection and layer norm");
    if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked) {
      form_ = stream_reduced_form<Cell>(shape_.hidden, streaming.math == Math::fast,
                                        streaming.precision == WeightPrecision::int8);
      state_step_ = form_.layout.families() * form_.layout.lanes * 2;
      pack_reduced(w, streaming.precision == WeightPrecision::int8);
    }
  } else if (!kernels_) {
    prepare_plain(w);
  } else if (shape_.projects()) {
    const Index padded = (shape_.hidden + kernels_->lanes - 1) / kernels_->lanes * kernels_->lanes;
    state_step_ = std::max(padded, shape_.output);
    pack_step(w, padded);
  } else if (choose_many_voices(streaming.math == Math::fast)) {
    state_step_ = (voices_ + width_ - 1) / width_ * width_;
    pack_many_voices(w);
  } else {
    form_ = kernels_->form(shape_.hidden, streaming.math == Math::fast);
    state_step_ = form_.layout.families() * form_.layout.lanes * (form_.layout.rotates ? 1 : 2);
    pack(w);
  }
  h_.resize(width_ > 0 ? (2 * shape_.hidden + shape_.input) * state_step_ : voices_ * state_step_);
  c_.resize(width_ > 0 ? shape_.hidden * state_step_ : voices_ * state_step_);
  reset();
  if (!kernels_ && !form_.run) {  // allocates all buffers, so that later steps do not allocate
    Buffer<Scalar> zeros(shape_.input * voices_);
    std::fill(zeros.begin(), zeros.end(), Scalar(0));
    reserve(voices_);
    step_plain(zeros.data(), shape_.input, out_.data());
    reset();
  }
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::prepare_plain(const RecurrentWeights<const Scalar>& w) {
  plain_.assign(w);
  state_step_ = shape_.hidden;
  scratch_.cache.template resize<Cell>(shape_, {1, voices_, {}}, Precision::fp32);
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::pack_step([[maybe_unused]] const RecurrentWeights<const Scalar>& w,
                                          [[maybe_unused]] Index padded) {
  if constexpr (std::is_same_v<Scalar, float>) {
    projection_ = {w.projection, {}};
    m_.resize(padded);
    const Index H = shape_.hidden, lanes = kernels_->lanes, C = shape_.input, P = shape_.output;
    const Index blocks = Cell::kBlocks * lanes, gates = Cell::kGates * lanes, panel = blocks + (C + P) * gates;
    Buffer<float> copied;
    const float* const bias = block_bias<Cell>(w, copied);
    weights_.resize(padded / lanes * panel);
    for (Index u = 0; u < H; u += lanes) {  // panel layout: bias, W, R
      float* to = weights_.data() + u / lanes * panel;
      for (int q = 0; q < Cell::kBlocks; ++q)
        for (Index i = 0; i < lanes; ++i, ++to) *to = u + i < H ? bias[q * H + u + i] : 0.0f;
      for (const MatrixView<const float>& from : {w.W, w.R}) {
        kernels_->pack_gates(H, from.cols, from.data, 1, from.stride, to - u / lanes * gates * from.cols, u,
                             std::min(H, u + lanes));
        to += from.cols * gates;
      }
    }
  }
}

template <class Cell, class Scalar>
bool StreamLayer<Cell, Scalar>::choose_many_voices([[maybe_unused]] bool fast) {
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked) {
    long width = 0;
    const StreamRun kernel = kernels_->many_voices(voices_, fast, width);
    // Registers must be filled for the most part. Eight voices gain where the other kernels do not fill their registers
    // or read weights from memory for each voice.
    const Index H = shape_.hidden, rotated = kernels_->lanes > 8 ? 40 : 20;
    if (4 * voices_ < 3 * width || (width <= 8 && H > 12 && H <= rotated)) return false;
    form_.layout = {width, H, false}, form_.run = kernel, width_ = width;
    return true;
  } else {
    return false;
  }
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::pack_many_voices([[maybe_unused]] const RecurrentWeights<const Scalar>& w) {
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked) {
    const Index H = shape_.hidden, C = shape_.input;
    weights_.resize(H * 4 * (1 + C + H));
    Buffer<float> copied;
    const float* const bias = block_bias<Cell>(w, copied);
    float* to = weights_.data();
    for (Index unit = 0; unit < H; ++unit)
      for (Index k = -1 - C; k < H; ++k)  // bias, inputs, units
        for (int block = 0; block < 4; ++block, ++to) {
          const int gate = gate_of_block<Cell>(block);
          const float factor = StreamScale<Cell>::kOfBlock[block];
          if (k == -1 - C)
            *to = factor * bias[block * H + unit];
          else if (k < 0)
            *to = gate >= 0 ? factor * w.W(gate * H + unit, k + C) : 0.0f;
          else
            *to = block < Cell::kGates ? factor * w.R(block * H + unit, k) : 0.0f;
        }
  }
}

/// Calls f(register of the rows, lane, block, unit, factor of the row) for all lanes in use.
template <class Cell, class F>
void for_each_stream_row(const StreamLayout& layout, Index hidden, F&& f) {
  for (long v = 0; v < layout.vectors(); ++v)
    for (long lane = 0; lane < layout.lanes; ++lane) {
      const long block = layout.block(v, lane), unit = layout.unit(v, lane);
      if (unit >= 0 && unit < hidden) f(v, lane, block, unit, StreamScale<Cell>::kOfBlock[block]);
    }
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::pack_reduced([[maybe_unused]] const RecurrentWeights<const Scalar>& w,
                                             [[maybe_unused]] bool int8) {
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked) {
    const StreamLayout& layout = form_.layout;
    const Index H = shape_.hidden, C = shape_.input, rows = layout.vectors() * layout.lanes;
    constexpr Index kThirdOfR = Cell::kGates == 3 ? 2 : 0;
    constexpr Index kThirdOfW = Cell::kGates == 3 ? block_of_gate<Cell>(2) : 0;
    bias_.resize(rows);
    std::fill(bias_.begin(), bias_.end(), 0.0f);
    inputs_.resize(C <= kFewInputs ? C * rows : 0);
    std::fill(inputs_.begin(), inputs_.end(), 0.0f);
    Buffer<float> copied;
    const float* const bias = block_bias<Cell>(w, copied);
    for_each_stream_row<Cell>(layout, H, [&](long v, long lane, long block, long unit, float factor) {
      bias_.data()[v * layout.lanes + lane] = factor * bias[block * H + unit];
      const int gate = gate_of_block<Cell>(static_cast<int>(block));
      if (gate < 0 || C > kFewInputs) return;
      for (Index i = 0; i < C; ++i)
        inputs_.data()[i * rows + v * layout.lanes + lane] = factor * w.W(gate * H + unit, i);
    });
    R_.pack(form_, int8, Cell::kGates, w.R, kThirdOfR, [](Index gate) { return StreamScale<Cell>::kOfBlock[gate]; });
    if (C > kFewInputs)
      W_.pack(form_, int8, Cell::kGates, w.W, kThirdOfW,
              [](Index gate) { return StreamScale<Cell>::kOfBlock[block_of_gate<Cell>(static_cast<int>(gate))]; });
  }
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::pack([[maybe_unused]] const RecurrentWeights<const Scalar>& w) {
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked) {
    const StreamLayout& layout = form_.layout;
    const Index H = shape_.hidden, C = shape_.input, lanes = layout.lanes, rows = layout.vectors() * lanes;
    const auto zeros = [](Buffer<float>& buffer, Index size) {
      buffer.resize(size);
      std::fill(buffer.begin(), buffer.end(), 0.0f);
    };
    zeros(weights_, layout.units * rows);
    zeros(bias_, rows);
    zeros(inputs_, (C - 1) * rows);
    zeros(last_, rows);
    Buffer<float> copied;
    const float* const bias = block_bias<Cell>(w, copied);
    for_each_stream_row<Cell>(layout, H, [&](long v, long lane, long block, long unit, float factor) {
      const long at = v * lanes + lane;
      bias_.data()[at] = factor * bias[block * H + unit];
      if (const int gate = gate_of_block<Cell>(static_cast<int>(block)); gate >= 0) {
        for (Index i = 0; i + 1 < C; ++i) inputs_.data()[i * rows + at] = factor * w.W(gate * H + unit, i);
        last_.data()[at] = factor * w.W(gate * H + unit, C - 1);
      }
      if (block >= Cell::kGates) return;
      for (long k = 0; k < layout.units; ++k) {
        const long from = layout.column(k, lane);
        // All rows of a product together, or the rows of one register of units for all products.
        const long to = layout.rotates ? k * rows + at : (v / 4 * layout.units + k) * 4 * lanes + v % 4 * lanes + lane;
        if (from >= 0 && from < H) weights_.data()[to] = factor * w.R(block * H + unit, from);
      }
    });
  }
}

template <class Cell, class Scalar>
bool StreamLayer<Cell, Scalar>::fuse([[maybe_unused]] MatrixView<const Scalar> W,
                                     [[maybe_unused]] MatrixView<const Scalar> b) {
  if constexpr (std::is_same_v<Scalar, float>) {
    if (!form_.run || W.rows != 1) return false;
    const StreamLayout& layout = form_.layout;
    head_.resize(width_ > 0 ? shape_.hidden : layout.families() * layout.lanes);
    std::fill(head_.begin(), head_.end(), 0.0f);
    // Families hold the units in order; repetitions of the last units are not multiplied.
    for (Index unit = 0; unit < shape_.hidden; ++unit) head_.data()[unit] = W(0, unit);
    head_bias_ = b.data ? b(0, 0) : 0.0f;
    return true;
  } else {
    return false;
  }
}

template <class Cell, class Scalar>
bool StreamLayer<Cell, Scalar>::pair_with([[maybe_unused]] const StreamLayer& before,
                                          [[maybe_unused]] const RecurrentWeights<const Scalar>& w) {
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked) {
    const StreamLayout& layout = form_.layout;
    if (!form_.run_pair || before.form_.run_pair != form_.run_pair || before.shape_.hidden != shape_.input ||
        voices_ != 1)
      return false;
    const Index rows = layout.vectors() * layout.lanes, products = layout.units * rows;
    Buffer<float> both(2 * products);
    std::fill(both.begin(), both.end(), 0.0f);
    std::copy_n(weights_.data(), products, both.data() + products);
    for_each_stream_row<Cell>(layout, shape_.hidden, [&](long v, long lane, long block, long unit, float factor) {
      const int gate = gate_of_block<Cell>(static_cast<int>(block));
      for (long k = 0; k < layout.units; ++k) {
        const long from = layout.column(k, lane);
        if (gate >= 0 && from >= 0 && from < shape_.input)
          both.data()[k * rows + v * layout.lanes + lane] = factor * w.W(gate * shape_.hidden + unit, from);
      }
    });
    std::swap(weights_, both);
    return true;
  } else {
    return false;
  }
}

}  // namespace rondo::inline RONDO_ABI::detail
