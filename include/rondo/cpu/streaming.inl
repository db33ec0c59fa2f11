// SPDX-License-Identifier: MIT
// Definitions of cpu/streaming.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/recurrent.inl>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI::detail {

template <class Scalar>
StreamLinear<Scalar>::StreamLinear(MatrixView<const Scalar> W, MatrixView<const Scalar> b)
    : inputs_(W.cols), outputs_(W.rows) {
  rows_.resize(outputs_ * (inputs_ + 1));
  y_.resize(outputs_);
  if constexpr (std::is_same_v<Scalar, float>) kernel_ = stream_linear_kernel();
  for (Index k = 0; k < outputs_; ++k) {
    Scalar* const row = rows_.data() + k * (inputs_ + 1);
    for (Index i = 0; i < inputs_; ++i) row[i] = W(k, i);
    row[inputs_] = b.data ? b(k, 0) : Scalar(0);
  }
}

template <class Scalar>
const Scalar* StreamLinear<Scalar>::step(const Scalar* x) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (kernel_) {
      kernel_(inputs_, outputs_, rows_.data(), x, y_.data());
      return y_.data();
    }
  for (Index k = 0; k < outputs_; ++k) {
    const Scalar* const row = rows_.data() + k * (inputs_ + 1);
    y_.data()[k] = (column(row, inputs_) * column(x, inputs_)).sum() + row[inputs_];
  }
  return y_.data();
}

template <class Cell, class Scalar>
StreamLayer<Cell, Scalar>::StreamLayer(const RecurrentWeights<const Scalar>& w, const PassOptions& options)
    : shape_(w.shape), options_(options) {
  if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked)
    if (packed_supports<Cell>(w, options) && (kernels_ = stream_kernels<Cell>()) != nullptr) lanes_ = kernels_->lanes;
  const Index padded = (shape_.hidden + lanes_ - 1) / lanes_ * lanes_;
  for (auto* state : {&h_, &h_before_, &c_, &m_}) state->resize(padded);
  reset();
  if constexpr (std::is_same_v<Scalar, float>)
    if (kernels_) {
      if (w.projection.data) projection_ = {w.projection, {}};
      pack(w, padded);
      return;
    }
  plain_.assign(w);
  scratch_.cache.template resize<Cell>(shape_, {1, 1, {}});
  Buffer<Scalar> zeros(shape_.input);
  std::fill(zeros.begin(), zeros.end(), Scalar(0));
  step_plain(zeros.data());  // allocates all buffers, so that later steps do not allocate
  reset();
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::reset() {
  for (auto* state : {&h_, &h_before_, &c_}) std::fill(state->begin(), state->end(), Scalar(0));
}

template <class Cell, class Scalar>
const Scalar* StreamLayer<Cell, Scalar>::step(const Scalar* x) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (kernels_) {
      if (!shape_.projects()) std::swap(h_, h_before_);
      reverse_unit_order_ = !reverse_unit_order_;
      const float* const own = Cell::kHasC ? c_.data() : h_before_.data();
      if (shape_.projects()) {
        kernels_->step({shape_.input, shape_.hidden, shape_.output, reverse_unit_order_, packed_.data(), x, h_.data(),
                        own, m_.data(), c_.data()});
        std::copy_n(projection_.step(m_.data()), shape_.output, h_.data());
        return h_.data();
      }
      kernels_->step({shape_.input, shape_.hidden, shape_.output, reverse_unit_order_, packed_.data(), x,
                      h_before_.data(), own, h_.data(), c_.data()});
      return h_.data();
    }
  return step_plain(x);
}

template <class Cell, class Scalar>
const Scalar* StreamLayer<Cell, Scalar>::step_plain(const Scalar* x) {
  const Index H = shape_.hidden;
  recurrent_step_plain<Cell, Scalar>(Cpu{}, Cell{}, options_, plain_.weights(), {x, shape_.input, 1, shape_.input},
                                     {h_.data(), shape_.output, 1, shape_.output}, {c_.data(), H, 1, H}, scratch_);
  return h_.data();
}

template <class Cell, class Scalar>
void StreamLayer<Cell, Scalar>::pack([[maybe_unused]] const RecurrentWeights<const Scalar>& w,
                                     [[maybe_unused]] Index padded) {
  if constexpr (std::is_same_v<Scalar, float>) {
    const Index H = shape_.hidden, lanes = lanes_, C = shape_.input, P = shape_.output;
    const Index blocks = Cell::kBlocks * lanes, gates = Cell::kGates * lanes, panel = blocks + (C + P) * gates;
    Buffer<float> copied;
    const float* const bias = block_bias<Cell>(w, copied);
    packed_.resize(padded / lanes * panel);
    for (Index u = 0; u < H; u += lanes) {  // panel layout: bias, W, R
      float* to = packed_.data() + u / lanes * panel;
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

}  // namespace rondo::inline RONDO_ABI::detail
