// SPDX-License-Identifier: MIT
// One stream through packed layers on the CPU: see layers/streaming_lstm.hpp.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/lstm_cache.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/lstm.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace rondo::inline v0::detail {

/// A layer's weights, packed, and its state.
template <class Scalar>
class StreamLayer {
 public:
  StreamLayer(const LstmWeights<const Scalar>& w) : inputs_(w.W.cols), hidden_(w.R.cols) {
    if constexpr (std::is_same_v<Scalar, float>) kernels_ = kernels();
    const Index lanes = kernels_ ? kernels_->lanes : 1, H = hidden_;
    const Index padded = (H + lanes - 1) / lanes * lanes;
    for (auto* state : {&h_, &h_before_, &c_}) state->resize(padded);
    reset();
    if constexpr (std::is_same_v<Scalar, float>)
      if (kernels_) {
        pack(w, padded);
        return;
      }
    z_.resize(4 * H);
    bias_.resize(4 * H);
    std::copy_n(w.b.data, 4 * H, bias_.data());
    rondo::pack(Cpu{}, Op::none, w.W, W_);
    rondo::pack(Cpu{}, Op::none, w.R, R_);
  }

  void reset() {
    for (auto* state : {&h_, &h_before_, &c_}) std::fill(state->begin(), state->end(), Scalar(0));
  }

  /// x: C values. Returns H values, which stay until the next step.
  const Scalar* step(const Scalar* x) {
    std::swap(h_, h_before_);
    if constexpr (std::is_same_v<Scalar, float>)
      if (kernels_) {
        backwards_ = !backwards_;
        kernels_->stream_step(
            {inputs_, hidden_, backwards_, packed_.data(), x, h_before_.data(), h_.data(), c_.data()});
        return h_.data();
      }
    const Index H = hidden_;
    const MatrixView<Scalar> z{z_.data(), 4 * H, 1, 4 * H}, c{c_.data(), H, 1, H}, h{h_.data(), H, 1, H};
    copy(Cpu{}, {bias_.data(), 4 * H, 1, 4 * H}, z);
    gemm(Cpu{}, W_, {x, inputs_, 1, inputs_}, z);
    gemm(Cpu{}, R_, {h_before_.data(), H, 1, H}, z);
    lstm_step_cells(Cpu{}, z, c, h);
    return h_.data();
  }

  Scalar* h() { return h_.data(); }
  Scalar* c() { return c_.data(); }

 private:
  void pack(const LstmWeights<const float>& w, Index padded) {
    const Index H = hidden_, C = inputs_, lanes = kernels_->lanes, panel = kernels_->panel_rows;
    const Index block = (1 + C + H) * panel;
    packed_.resize(padded / lanes * block);
    for (Index u = 0; u < H; u += lanes) {  // a block's panel: bias, W, R
      float* to = packed_.data() + u / lanes * block;
      for (const MatrixView<const float>& from : {w.b, w.W, w.R}) {
        kernels_->fp32.pack_gates(H, from.cols, from.data, 1, from.stride, to - u / lanes * panel * from.cols, u,
                                  std::min(H, u + lanes));
        to += from.cols * panel;
      }
    }
  }

  Index inputs_, hidden_;
  bool backwards_ = false;
  const Kernels* kernels_ = nullptr;  // null: the plain way
  Buffer<Scalar> packed_;             // panels of gates, each bias, W, R
  Buffer<Scalar> h_, h_before_, c_;   // H, and zeros up to a whole vector
  PackedMatrix<Scalar, Cpu> W_, R_;   // the plain way's
  Buffer<Scalar> bias_, z_;           // 4H
};

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
      row[inputs_] = b(k, 0);
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

}  // namespace rondo::inline v0::detail
