// SPDX-License-Identifier: MIT
// Definitions of cpu/streaming.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/recurrent.inl>
#include <rondo/cpu/streaming_pack.inl>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI::detail {

template <class Scalar>
StreamLinear<Scalar>::StreamLinear(MatrixView<const Scalar> W, MatrixView<const Scalar> b)
    : inputs_(W.cols), outputs_(W.rows) {
  rows_.resize(outputs_ * (inputs_ + 1));
  if constexpr (std::is_same_v<Scalar, float>) kernel_ = stream_linear_kernel();
  for (Index k = 0; k < outputs_; ++k) {
    Scalar* const row = rows_.data() + k * (inputs_ + 1);
    for (Index i = 0; i < inputs_; ++i) row[i] = W(k, i);
    row[inputs_] = b.data ? b(k, 0) : Scalar(0);
  }
}

template <class Scalar>
void StreamLinear<Scalar>::run(Index rows, StreamRows<Scalar> x, Scalar* y) const {
  for (Index r = 0; r < rows; ++r, x.data += x.step, y += outputs_) {
    if constexpr (std::is_same_v<Scalar, float>)
      if (kernel_) {
        kernel_(inputs_, outputs_, rows_.data(), x.data, y);
        continue;
      }
    for (Index k = 0; k < outputs_; ++k) {
      const Scalar* const row = rows_.data() + k * (inputs_ + 1);
      y[k] = (column(row, inputs_) * column(x.data, inputs_)).sum() + row[inputs_];
    }
  }
}

template <class Cell, class Scalar>
Index StreamLayer<Cell, Scalar>::scratch_per_row() const {
  if (!form_.run) return shape_.output;
  if (width_ > 0) return shape_.hidden;
  const Index projected = shape_.input > 1 || form_.multiply ? form_.layout.vectors() * form_.layout.lanes : 0;
  return projected + form_.layout.families() * form_.layout.lanes;
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::reserve(Index rows) {
  out_.resize(rows * (form_.run && width_ == 0 ? form_.layout.families() * form_.layout.lanes : shape_.output));
  if (form_.run && width_ == 0 && (shape_.input > 1 || form_.multiply))
    z_.resize(rows * form_.layout.vectors() * form_.layout.lanes);
  if (!form_.multiply) return;
  R_.reserve(voices_);
  if (shape_.input <= kFewInputs) return;
  x_.resize(rows * StreamMatrix::padded(shape_.input));
  std::fill(x_.begin(), x_.end(), Scalar(0));
  W_.reserve(rows);
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::reset() {
  for (auto* state : {&h_, &c_}) std::fill(state->begin(), state->end(), Scalar(0));
  reverse_ = false;
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::set_state(Index voice, const Scalar* h, const Scalar* c) {
  if (!form_.run) {
    std::copy_n(h, shape_.output, h_.data() + voice * shape_.output);
    if constexpr (Cell::kHasC) std::copy_n(c, shape_.hidden, c_.data() + voice * shape_.hidden);
    return;
  }
  if (width_ > 0) {
    const Index H = shape_.hidden, current = reverse_ ? H * state_step_ : 0;
    for (Index unit = 0; unit < H; ++unit) {
      h_.data()[current + unit * state_step_ + voice] = h[unit];
      if constexpr (Cell::kHasC) c_.data()[unit * state_step_ + voice] = c[unit];
    }
    return;
  }
  Scalar *const to_h = h_.data() + voice * state_step_, *const to_c = c_.data() + voice * state_step_;
  const StreamLayout& layout = form_.layout;
  const Index current = reverse_ && !layout.rotates ? layout.families() * layout.lanes : 0;
  for (Index family = 0; family < layout.families(); ++family)
    for (Index lane = 0; lane < layout.lanes; ++lane) {
      const Index unit = layout.state(family, lane);
      if (unit < 0 || unit >= shape_.hidden) continue;
      to_h[current + family * layout.lanes + lane] = h[unit];
      if constexpr (Cell::kHasC) to_c[family * layout.lanes + lane] = c[unit];
    }
}

template <class Cell, class Scalar>
const StreamData& StreamLayer<Cell, Scalar>::data() {
  if constexpr (std::is_same_v<Scalar, float>)
    if (data_.h != h_.data()) {  // the first call, or this object is a copy
      const StreamLayout& layout = form_.layout;
      const bool fused = head_.size() > 0;
      data_ = {voices_,
               width_ > 0 ? shape_.hidden : layout.units,
               shape_.input,
               weights_.data(),
               shape_.input > 1 ? layout.vectors() * layout.lanes : 0,
               last_.data(),
               h_.data(),
               c_.data(),
               state_step_,
               fused ? nullptr : out_.data(),
               width_ > 0 ? shape_.hidden : layout.families() * layout.lanes,
               fused ? head_.data() : nullptr,
               head_bias_,
               &reverse_};
    }
  return data_;
}

/// An input as the kernels take it: see stream_functions.inl.
inline float bounded_stream_input(float x) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  return std::abs(x) < 1e-18f ? 0.0f : std::clamp(x, -kLargest, kLargest);
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::project_reduced(Index rows, StreamRows<Scalar> x) {
  if constexpr (std::is_same_v<Scalar, float>) {
    const Index C = shape_.input, registers = form_.layout.vectors(), values = registers * form_.layout.lanes;
    if (C <= kFewInputs) {
      form_.project({rows, C, registers, inputs_.data(), bias_.data(), x.data, x.step, z_.data(), !first_});
      return;
    }
    const Index C_step = StreamMatrix::padded(C);
    for (Index r = 0; r < rows; ++r) {
      std::copy_n(bias_.data(), values, z_.data() + r * values);
      std::transform(x.data + r * x.step, x.data + r * x.step + C, x_.data() + r * C_step, bounded_stream_input);
    }
    W_.multiply(rows, x_.data(), C_step, z_.data(), values, reverse_);
  }
}

template <class Cell, class Scalar>
StreamRows<Scalar> StreamLayer<Cell, Scalar>::run_reduced(Index steps, StreamRows<Scalar> x, Scalar* y) {
  if constexpr (std::is_same_v<Scalar, float>) {
    const StreamLayout& layout = form_.layout;
    const Index values = layout.vectors() * layout.lanes;
    project_reduced(steps * voices_, x);
    StreamData now = data();
    float* z = z_.data();
    for (Index t = 0; t < steps; ++t, z += voices_ * values) {
      const float* const h = h_.data() + (reverse_ ? layout.families() * layout.lanes : 0);
      R_.multiply(voices_, h, state_step_, z, values, reverse_);
      form_.run(now, 1, nullptr, 0, z, y == nullptr ? nullptr : y + t * voices_);
      if (now.out != nullptr) now.out += voices_ * now.out_step;
    }
    return {out_.data(), now.out_step};
  } else {
    return x;
  }
}

template <class Cell, class Scalar>
StreamRows<Scalar> StreamLayer<Cell, Scalar>::run_form(Index steps, StreamRows<Scalar> x, Scalar* y,
                                                       StreamLayer* next) {
  if constexpr (std::is_same_v<Scalar, float>) {
    if (form_.multiply) return run_reduced(steps, x, y);
    const Index C = shape_.input;
    const StreamData& first = data();
    if (width_ > 0) {
      form_.run(first, steps, x.data + C - 1, x.step, nullptr, y);
      return {out_.data(), first.out_step};
    }
    const float* z = bias_.data();
    if (C > 1) {
      form_.project(
          {steps * voices_, C - 1, form_.layout.vectors(), inputs_.data(), z, x.data, x.step, z_.data(), !first_});
      z = z_.data();
    }
    if (next == nullptr) {
      form_.run(first, steps, x.data + C - 1, x.step, z, y);
      return {out_.data(), first.out_step};
    }
    const StreamData& second = next->data();
    form_.run_pair(first, second, steps, x.data + C - 1, x.step, z, next->bias_.data(), y);
    return {next->out_.data(), second.out_step};
  } else {
    return x;
  }
}

template <class Cell, class Scalar>
StreamRows<Scalar> StreamLayer<Cell, Scalar>::run(Index steps, StreamRows<Scalar> x, Scalar* y, StreamLayer* next) {
  if (form_.run) return run_form(steps, x, y, next);
  for (Index t = 0; t < steps; ++t) {
    const Scalar* from = x.data + t * voices_ * x.step;
    Scalar* const to = out_.data() + t * voices_ * shape_.output;
    if (kernels_)
      step_packed(from, to);
    else
      step_plain(from, x.step, to);
  }
  return {out_.data(), shape_.output};
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::step_packed([[maybe_unused]] const Scalar* x, [[maybe_unused]] Scalar* y) {
  if constexpr (std::is_same_v<Scalar, float>) {
    reverse_ = !reverse_;
    const float* const own = Cell::kHasC ? c_.data() : h_.data();
    kernels_->step({shape_.input, shape_.hidden, shape_.output, reverse_, weights_.data(), x, h_.data(), own, m_.data(),
                    c_.data()});
    projection_.run(1, {m_.data(), shape_.hidden}, y);
    std::copy_n(y, shape_.output, h_.data());
  }
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::step_plain(const Scalar* x, Index x_step, Scalar* y) {
  const Index H = shape_.hidden, P = shape_.output, B = voices_;
  recurrent_step_plain<Cell, Scalar>(Cpu{}, Cell{}, options_, plain_.weights(), {x, shape_.input, B, x_step},
                                     {h_.data(), P, B, P}, {c_.data(), H, B, H}, scratch_);
  std::copy_n(h_.data(), P * B, y);
}

template <class Cell, class Scalar>
void StreamStack<Cell, Scalar>::add(const RecurrentWeights<const Scalar>& w, const PassOptions& options) {
  layers_.emplace_back(w, options, options_, layers_.empty());
  const std::size_t last = layers_.size() - 1;
  pairs_.push_back(false);
  const bool free = last > 0 && (last == 1 || !pairs_[last - 2]);  // the layer before is not the second of a pair
  if (free) pairs_[last - 1] = layers_[last].pair_with(layers_[last - 1], w);
  outputs_ = w.shape.output;
}

template <class Cell, class Scalar>
void StreamStack<Cell, Scalar>::set_head(MatrixView<const Scalar> W, MatrixView<const Scalar> b) {
  fused_ = layers_.back().fuse(W, b);
  if (!fused_) head_ = {W, b};
  outputs_ = W.rows;
}

template <class Cell, class Scalar>
void StreamStack<Cell, Scalar>::allocate() {
  constexpr Index kValues = 4096;  // of one layer's buffers, in cache with its weights
  constexpr Index kMaxSteps = 256;
  Index largest = 1;
  for (const auto& layer : layers_) largest = std::max(largest, layer.scratch_per_row());
  block_ = std::clamp<Index>(kValues / (largest * options_.voices), 1, kMaxSteps);
  for (auto& layer : layers_) layer.reserve(block_ * options_.voices);
  y_.resize(options_.voices * outputs_);
  one_kernel_ = fused_ && layers_.size() == 1;
}

template <class Cell, class Scalar>
StreamRows<Scalar> StreamStack<Cell, Scalar>::run(Index steps, const Scalar* x, Scalar* y) {
  StreamRows<Scalar> rows{x, inputs_};
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const bool pair = pairs_[l];
    rows = layers_[l].run(steps, rows, y, pair ? &layers_[l + 1] : nullptr);
    l += pair ? 1 : 0;
  }
  if (fused_) return {y, outputs_};
  if (head_.outputs() == 0) return rows;
  head_.run(steps * options_.voices, rows, y);
  return {y, outputs_};
}

template <class Cell, class Scalar>
const Scalar* StreamStack<Cell, Scalar>::step(const Scalar* x) {
  if (one_kernel_) {  // the shortest way, of one call
    layers_.front().run_form(1, {x, inputs_}, y_.data(), nullptr);
    return y_.data();
  }
  const StreamRows<Scalar> rows = run(1, x, y_.data());
  if (rows.data == y_.data() || options_.voices == 1) return rows.data;
  for (Index b = 0; b < options_.voices; ++b)
    std::copy_n(rows.data + b * rows.step, outputs_, y_.data() + b * outputs_);
  return y_.data();
}

template <class Cell, class Scalar>
void StreamStack<Cell, Scalar>::process(Index steps, const Scalar* x, Scalar* y) {
  const Index B = options_.voices;
  while (steps > 0) {
    const Index now = std::min(steps, block_);
    const StreamRows<Scalar> rows = run(now, x, y);
    if (rows.data != y)
      for (Index r = 0; r < now * B; ++r) std::copy_n(rows.data + r * rows.step, outputs_, y + r * outputs_);
    steps -= now, x += now * B * inputs_, y += now * B * outputs_;
  }
}

}  // namespace rondo::inline RONDO_ABI::detail
