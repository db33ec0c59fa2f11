// SPDX-License-Identifier: MIT
// A pass of few steps by one of the algorithms, on memory of its own: to compare its results with those of another
// algorithm, and to time it. Plain C++. Legend: H hidden units, B batch, T time steps.
#pragma once

#include "../runtime.hpp"
#include "arguments.hpp"
#include "operands.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <rondo/core/random.hpp>
#include <rondo/cuda/buffer.hpp>
#include <rondo/cuda/context.hpp>
#include <rondo/cuda/recurrent.hpp>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

/// A pass of few steps with the weights of a real one, and random values for all else.
template <class Cell>
class Trial {
 public:
  template <class Arguments>
  Trial(const Arguments& a, Precision precision) : precision_(precision) {
    const Index H = a.H, B = a.step_order.B, NH = Cell::kBlocks * H, cells = Cell::kHasC ? H * B : 0;
    T_ = std::clamp<Index>(kElements / std::max<Index>(NH * B, 1), 8, 64);
    T_ = std::min(T_, a.step_order.T);
    StepOrder order{B, T_, a.step_order.reverse, nullptr};
    if (a.step_order.lengths) {
      for (Index b = 0; b < B; ++b) lengths_.push_back(static_cast<std::int32_t>(std::max<Index>(T_ - b % T_, 1)));
      device_lengths_.resize(B);
      copy_from_host(device_lengths_.data(), lengths_.data(), lengths_.size() * sizeof(std::int32_t));
      order.lengths = device_lengths_.data();
    }
    const bool low = RecurrentWorkspace<float, Cuda>::saves_16_bits(precision);
    random(Z_, NH * B * T_, 1), random(h0_, H * B, 0.5), random(c0_, cells, 0.5), random(bias_, NH, 0.5);
    random(peepholes_, H * Cell::kPeepholeCount, 0.5);
    y_.resize(H * B * T_), c_now_.resize(cells), product_.resize(Cell::kGates * H * B);
    gates_.resize(NH * B * T_, low);
    for (auto* saved : {&c_, &tanh_c_}) saved->resize(cells * T_, low);
    if (low) h_low_.resize(H * B * (T_ + 1));
    low_ = {low ? h_low_.data() : nullptr, precision == Precision::fp16};
    forward_ = {.H = H,
                .P = H,
                .step_order = order,
                .R = a.R,
                .projection = nullptr,
                .peepholes = peepholes_.data(),
                .bias = bias_.data(),
                .product = product_.data(),
                .gates = gates_.data(),
                .saves = true,
                .h0 = h0_.data(),
                .c_now = c_now_.data(),
                .c = c_.data(),
                .tanh_c = tanh_c_.data(),
                .y = {y_.data(), H},
                .m = nullptr,
                .h_low = low_,
                .m_low = {}};
    if constexpr (kIsBackward<Arguments>) {
      random(dy_, H * B * T_, 1), random(dh_start_, H * B, 1), random(dc_start_, H * B, Cell::kHasC ? 1 : 0);
      for (auto* buffer : {&dh_end_, &dc_, &dh_}) buffer->resize(H * B);
      dz_.resize(NH * B * T_, low);
      run(RecurrentAlgorithm::stepwise, forward_);  // its gates, c and y
      backward_ = {.H = H,
                   .P = H,
                   .step_order = order,
                   .R = a.R,
                   .projection = nullptr,
                   .peepholes = peepholes_.data(),
                   .gates = gates_.data(),
                   .h0 = h0_.data(),
                   .c0 = c0_.data(),
                   .c = c_.data(),
                   .tanh_c = tanh_c_.data(),
                   .y = {y_.data(), H},
                   .dy = {dy_.data(), H},
                   .dh_end = dh_end_.data(),
                   .dc = dc_.data(),
                   .dh = dh_.data(),
                   .dz = dz_.wide.data(),
                   .dh_total = nullptr,
                   .dm = nullptr,
                   .dz_low = {low ? dz_.low.data() : nullptr, false},
                   .dh_low = {}};
    }
  }

  Index steps() const { return T_; }

  /// Enqueues the pass; false if the algorithm does not fit.
  template <bool kBackwardPass>
  bool run(RecurrentAlgorithm algorithm) {
    if constexpr (kBackwardPass) {
      copy_bytes(dh_start_, dh_end_), copy_bytes(dc_start_, dc_);
      return run(algorithm, backward_);
    } else {
      return run(algorithm, forward_);
    }
  }

  /// The results, on the host; zero in the padding, where each algorithm may leave what it likes.
  template <bool kBackwardPass>
  std::vector<float> results() const {
    std::vector<float> all;
    const Index B = forward_.step_order.B;
    const auto add = [&](const Buffer<float, Cuda>& buffer, bool steps) {
      std::vector<float> values(static_cast<std::size_t>(buffer.size()));
      fetch(buffer.data(), values.data(), buffer.size());
      const Index rows = steps ? buffer.size() / (B * T_) : 0;
      for (Index b = 0; b < B && !lengths_.empty(); ++b)
        for (Index t = lengths_[static_cast<std::size_t>(b)]; t < T_; ++t)
          std::fill_n(values.begin() + rows * (b + B * t), rows, 0.0f);
      all.insert(all.end(), values.begin(), values.end());
    };
    if constexpr (kBackwardPass) {
      add(dz_.floats(false), true), add(dh_end_, false), add(dc_, false);
    } else {
      add(y_, true), add(c_.floats(true), true), add(gates_.floats(true), true), add(c_now_, false);
    }
    return all;
  }

 private:
  static constexpr Index kElements = Index{1} << 22;  // of gates: 16 MB

  /// Values that are floats or have 16 bits.
  struct Values {
    Buffer<float, Cuda> wide;
    Buffer<std::uint16_t, Cuda> low;

    void resize(Index count, bool in_16_bits) { in_16_bits ? low.resize(count) : wide.resize(count); }
    void* data() { return low.size() > 0 ? static_cast<void*>(low.data()) : wide.data(); }
    Buffer<float, Cuda> floats(bool fp16) const {
      if (low.size() == 0) return wide;
      Buffer<float, Cuda> converted(low.size());
      widen_low(low.data(), fp16, {converted.data(), low.size(), 1, low.size()});
      return converted;
    }
  };

  void random(Buffer<float, Cuda>& to, Index count, double scale) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = static_cast<float>(scale * (2 * rng_.uniform() - 1));
    to.resize(count);
    copy_from_host(to.data(), values.data(), values.size() * sizeof(float));
  }
  static void copy_bytes(const Buffer<float, Cuda>& from, Buffer<float, Cuda>& to) {
    detail::copy_bytes(from.data(), to.data(), static_cast<std::size_t>(from.size()) * sizeof(float));
  }

  bool run(RecurrentAlgorithm algorithm, const ForwardArguments<float>& a) {
    const auto column = [](const Buffer<float, Cuda>& b) {
      return MatrixView<const float>{b.data(), b.size(), 1, b.size()};
    };
    copy_bytes(c0_, c_now_);
    if (low_.data) {
      round_to_low(column(Z_), low_.fp16, gates_.low.data());
      round_to_low(column(h0_), low_.fp16, low_.data);
    } else {
      copy_bytes(Z_, gates_.wide);
    }
    return enqueue(algorithm, a);
  }
  bool run(RecurrentAlgorithm algorithm, const BackwardArguments<float>& a) { return enqueue(algorithm, a); }

  template <class Arguments>
  bool enqueue(RecurrentAlgorithm algorithm, const Arguments& a) {
    barrier_.resize(1);
    if constexpr (kCellKernels<Cell>.persistent) {
      if (algorithm == RecurrentAlgorithm::grid_persistent)
        return enqueue_grid_persistent(a, precision_, barrier_.data());
      if (algorithm == RecurrentAlgorithm::cluster_persistent) return enqueue_cluster_persistent(a, precision_);
    }
    if constexpr (kCellKernels<Cell>.dataflow)
      if (algorithm == RecurrentAlgorithm::dataflow_persistent) return enqueue_dataflow_persistent<Cell>(a, precision_);
    LowPrecisionWeights low;
    if (low_.data) {
      const MatrixView<const float> R{a.R, Cell::kGates * a.H, a.H, Cell::kGates * a.H};
      R_low_.resize(R.rows * R.cols);
      round_to_low(R, low_.fp16 && !kIsBackward<Arguments>, R_low_.data());
      low.R = R_low_.data();
    }
    const auto launches = [&] { enqueue_stepwise<Cell>(a, precision_, low, {}); };
    if (algorithm == RecurrentAlgorithm::graph)
      graphs_.run(std::pair{a, low}, launches);
    else
      launches();
    return true;
  }

  Precision precision_;
  Index T_ = 0;
  Rng rng_{1};
  LowPrecision low_;
  ForwardArguments<float> forward_;
  BackwardArguments<float> backward_;
  std::vector<std::int32_t> lengths_;  // empty: dense
  Buffer<std::int32_t, Cuda> device_lengths_;
  Values gates_, c_, tanh_c_, dz_;
  Buffer<float, Cuda> Z_, bias_, peepholes_, h0_, c0_, c_now_, product_, y_;
  Buffer<float, Cuda> dy_, dh_start_, dc_start_, dh_end_, dc_, dh_;
  Buffer<std::uint16_t, Cuda> h_low_, R_low_;
  Buffer<std::uint32_t, Cuda> barrier_;
  GraphCache graphs_;
};

}  // namespace rondo::inline RONDO_ABI::cuda
