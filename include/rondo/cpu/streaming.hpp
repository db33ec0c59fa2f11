// SPDX-License-Identifier: MIT
// One stream through packed layers on the CPU: see layers/streaming.hpp. Legend: C inputs, H hidden units, P outputs, N
// blocks of the cell.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/weight_copy.hpp>
#include <rondo/recurrent/cache.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace rondo::inline v0::detail {

/// y = W x + b for one column.
template <class Scalar>
class StreamLinear {
 public:
  StreamLinear() = default;
  StreamLinear(MatrixView<const Scalar> W, MatrixView<const Scalar> b) : inputs_(W.cols), outputs_(W.rows) {
    rows_.resize(outputs_ * (inputs_ + 1));
    y_.resize(outputs_);
    if constexpr (std::is_same_v<Scalar, float>) kernels_ = kernels();
    for (Index k = 0; k < outputs_; ++k) {
      Scalar* const row = rows_.data() + k * (inputs_ + 1);
      for (Index i = 0; i < inputs_; ++i) row[i] = W(k, i);
      row[inputs_] = b.data ? b(k, 0) : Scalar(0);
    }
  }

  Index outputs() const { return outputs_; }

  const Scalar* step(const Scalar* x) {
    if constexpr (std::is_same_v<Scalar, float>)
      if (kernels_) {
        kernels_->stream_linear(inputs_, outputs_, rows_.data(), x, y_.data());
        return y_.data();
      }
    for (Index k = 0; k < outputs_; ++k) {
      const Scalar* const row = rows_.data() + k * (inputs_ + 1);
      y_.data()[k] = (column(row, inputs_) * column(x, inputs_)).sum() + row[inputs_];
    }
    return y_.data();
  }

 private:
  Index inputs_ = 0, outputs_ = 0;
  const Kernels* kernels_ = nullptr;
  Buffer<Scalar> rows_;  // K rows of C weights and a bias
  Buffer<Scalar> y_;     // K
};

/// A layer's weights, packed, and its state.
template <class Cell, class Scalar>
class StreamLayer {
 public:
  StreamLayer(const RecurrentWeights<const Scalar>& w, const PassOptions& options)
      : shape_(w.shape), options_(options) {
    if constexpr (std::is_same_v<Scalar, float> && Cell::kPacked)
      if (const Kernels* k = packed_kernels<Cell>(w, options)) {
        kernels_ = cell_kernels<Cell>();
        lanes_ = k->lanes;
      }
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
    step_plain(zeros.data());  // so that everything has its memory
    reset();
  }

  void reset() {
    for (auto* state : {&h_, &h_before_, &c_}) std::fill(state->begin(), state->end(), Scalar(0));
  }

  /// x: C values. Returns P values, which stay until the next step.
  const Scalar* step(const Scalar* x) {
    if constexpr (std::is_same_v<Scalar, float>)
      if (kernels_) {
        if (!shape_.projects()) std::swap(h_, h_before_);
        reverse_unit_order_ = !reverse_unit_order_;
        const float* const own = Cell::kHasC ? c_.data() : h_before_.data();
        if (shape_.projects()) {
          kernels_->stream_step({shape_.input, shape_.hidden, shape_.output, reverse_unit_order_, packed_.data(), x,
                                 h_.data(), own, m_.data(), c_.data()});
          std::copy_n(projection_.step(m_.data()), shape_.output, h_.data());
          return h_.data();
        }
        kernels_->stream_step({shape_.input, shape_.hidden, shape_.output, reverse_unit_order_, packed_.data(), x,
                               h_before_.data(), own, h_.data(), c_.data()});
        return h_.data();
      }
    return step_plain(x);
  }

  Scalar* h() { return h_.data(); }
  Scalar* c() { return c_.data(); }

 private:
  const Scalar* step_plain(const Scalar* x) {
    const Index H = shape_.hidden;
    recurrent_step(Cpu{}, Cell{}, options_, plain_.weights(), {x, shape_.input, 1, shape_.input},
                   {h_.data(), shape_.output, 1, shape_.output}, {c_.data(), H, 1, H}, scratch_);
    return h_.data();
  }

  void pack(const RecurrentWeights<const float>& w, Index padded) {
    const Index H = shape_.hidden, lanes = lanes_, C = shape_.input, P = shape_.output;
    const Index blocks = Cell::kBlocks * lanes, gates = Cell::kGates * lanes, panel = blocks + (C + P) * gates;
    Buffer<float> copied;
    const float* const bias = block_bias<Cell>(w, copied);
    packed_.resize(padded / lanes * panel);
    for (Index u = 0; u < H; u += lanes) {  // a panel: bias, W, R
      float* to = packed_.data() + u / lanes * panel;
      for (int q = 0; q < Cell::kBlocks; ++q)
        for (Index i = 0; i < lanes; ++i, ++to) *to = u + i < H ? bias[q * H + u + i] : 0.0f;
      for (const MatrixView<const float>& from : {w.W, w.R}) {
        kernels_->fp32.pack_gates(H, from.cols, from.data, 1, from.stride, to - u / lanes * gates * from.cols, u,
                                  std::min(H, u + lanes));
        to += from.cols * gates;
      }
    }
  }

  RecurrentShape shape_;
  PassOptions options_;
  bool reverse_unit_order_ = false;
  const CellKernels* kernels_ = nullptr;  // null: the plain way
  Index lanes_ = 1;
  Buffer<Scalar> packed_;                // panels
  Buffer<Scalar> h_, h_before_, c_, m_;  // H, and zeros up to a whole vector
  StreamLinear<Scalar> projection_;
  WeightCopy<Scalar> plain_;  // the plain way's
  StepScratch<Scalar> scratch_;
};

}  // namespace rondo::inline v0::detail
