// SPDX-License-Identifier: MIT
// LocalSteps: for slow networks. Every rank trains on its own, and every k steps the weights of all ranks are averaged:
// the bytes of a step fall to a k-th. Local SGD (Stich 2019); with outer momentum DiLoCo (Douillard et al. 2023).
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/distributed/communicator.hpp>
#include <rondo/distributed/weights.hpp>

#include <memory>
#include <span>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

/// Options of LocalSteps. The defaults average the weights; DiLoCo has a learning rate of 0.7 and a momentum of 0.9.
struct LocalStepsOptions {
  int every = 16;                         ///< k >= 1: steps between two averages
  double learning_rate = 1;               ///< of the outer step
  double momentum = 0;                    ///< of the outer step, Nesterov's, in [0, 1)
  Precision precision = Precision::fp32;  ///< of the differences on the network: fp32, or bf16 with error feedback
};

/// Outer steps of a model. With a, the weights after the last outer step, and w, those of a rank now:
///
///     d = mean over ranks of (a - w)
///     v = momentum v + d
///     a = a - learning_rate (d + momentum v)
///
/// and every rank goes on from a.
///
/// @code
/// rondo::LocalSteps<float> local(model, ranks, {.every = 16});
/// // ... each rank: backward, clip, adam.step
/// local.after_step();
/// @endcode
template <class Scalar, class Device = Cpu>
class LocalSteps {
  static_assert(std::is_same_v<Scalar, float>, "rondo: LocalSteps needs float");

 public:
  /// Copies the weights of rank 0 to all ranks. `ranks` must outlive this object. Collective. Throws shape_error for
  /// options out of range, communication_error.
  template <class Model>
  LocalSteps(Model& model, Communicator& ranks, const LocalStepsOptions& options = {})
      : ranks_(ranks), options_(options) {
    require_shape(options.every >= 1, "LocalSteps: every is ", options.every, ", wanted 1 or more");
    require_shape(options.learning_rate > 0, "LocalSteps: learning_rate is ", options.learning_rate, ", wanted > 0");
    require_shape(options.momentum >= 0 && options.momentum < 1, "LocalSteps: momentum is ", options.momentum,
                  ", wanted [0, 1)");
    broadcast_weights(model, ranks);
    copy_to_vector(model, anchor_, kValue);
    momentum_.resize(options.momentum > 0 ? anchor_.size() : 0);
    fill(Cpu{}, MatrixView<float>{momentum_.data(), momentum_.size(), 1, momentum_.size()}, 0.0f);
    difference_.resize(anchor_.size());
    all_reduce_ = ranks.make_all_reduce(span_of(difference_), options.precision);
  }

  /// Call it after every step of the optimiser: every k-th call is an outer step. Returns whether it was; then the
  /// `totals` have become their sums over all ranks. Throws communication_error.
  template <class Model>
  bool after_step(Model& model, std::span<double> totals = {}) {
    if (++steps_ < options_.every) return false;
    outer_step(model, totals);
    return true;
  }

  /// An outer step now, unless there was no step since the last: before an evaluation or a checkpoint. Collective.
  /// Throws communication_error.
  template <class Model>
  void finish(Model& model) {
    if (steps_ > 0) outer_step(model, {});
  }

  /// Replaces Adam's moments by their means over all ranks, so that a checkpoint of one rank has what all continue
  /// with. Collective. Throws communication_error.
  template <class Model>
  void average_moments(Model& model) {
    const auto average = [&](auto of) {
      Buffer<float> all;
      copy_to_vector(model, all, of);
      const auto sum = ranks_.make_all_reduce(span_of(all), Precision::fp32);
      sum->start();
      sum->wait();
      for (float& value : all) value /= static_cast<float>(ranks_.size());
      copy_from_vector(all, model, of);
    };
    average([](auto& p) { return p.first_moment(); });
    average([](auto& p) { return p.second_moment(); });
  }

  /// AllReduce::clear_rounding() for the differences.
  void clear_rounding() { all_reduce_->clear_rounding(); }

  /// v, in the order of for_each_parameter; empty without momentum. A checkpoint must store it.
  std::span<float> momentum() { return span_of(momentum_); }

  /// Takes weights that were read from a checkpoint for those after the last outer step.
  template <class Model>
  void restart(Model& model) {
    copy_to_vector(model, anchor_, kValue);
    steps_ = 0;
  }

 private:
  static constexpr auto kValue = [](auto& p) { return p.value(); };

  static std::span<float> span_of(Buffer<float>& values) {
    return {values.data(), static_cast<std::size_t>(values.size())};
  }

  template <class Model>
  void outer_step(Model& model, std::span<double> totals) {
    const auto totals_all_reduce = totals.empty() ? nullptr : ranks_.make_all_reduce(totals);
    if (totals_all_reduce) totals_all_reduce->start();
    copy_to_vector(model, difference_, kValue);
    for (Index n = 0; n < anchor_.size(); ++n) difference_.data()[n] = anchor_.data()[n] - difference_.data()[n];
    all_reduce_->start();
    all_reduce_->wait();
    if (totals_all_reduce) totals_all_reduce->wait();
    const auto share = static_cast<float>(1.0 / ranks_.size()), momentum = static_cast<float>(options_.momentum),
               rate = static_cast<float>(options_.learning_rate);
    for (Index n = 0; n < anchor_.size(); ++n) {
      float step = share * difference_.data()[n];
      if (momentum > 0) {
        float& v = momentum_.data()[n];
        v = momentum * v + step;
        step += momentum * v;
      }
      anchor_.data()[n] -= rate * step;
    }
    copy_from_vector(anchor_, model, kValue);
    steps_ = 0;
  }

  Communicator& ranks_;
  LocalStepsOptions options_;
  int steps_ = 0;                                 // since the last outer step
  Buffer<float> anchor_, difference_, momentum_;  // a, a - w, v
  std::unique_ptr<AllReduce> all_reduce_;
};

}  // namespace rondo::inline RONDO_ABI
