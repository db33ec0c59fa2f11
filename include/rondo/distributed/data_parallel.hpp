// SPDX-License-Identifier: MIT
// DataParallel: training of one model by several processes, each with a part of every batch (synchronous data-parallel
// stochastic gradient descent). Between backward and the optimiser the gradients of the ranks become their mean,
// weighted by the number of targets: the gradient of one process that had the whole batch. docs/15-scaling.md has the
// cost.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/cpu/optim.hpp>
#include <rondo/distributed/communicator.hpp>
#include <rondo/distributed/weights.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// Options of DataParallel.
struct DataParallelOptions {
  Precision precision = Precision::fp32;  ///< of gradients on the network: fp32, or bf16 with error feedback
  std::size_t bucket_bytes = 1 << 20;     ///< gradients are sent in buckets of about this size
};

/// The gradients of a model, shared by all ranks. While it lives, they lie in one buffer, in the order of
/// for_each_parameter, and the model must not be moved.
///
/// @code
/// rondo::DataParallel<float> parallel(model, ranks);  // every rank now has the weights of rank 0
/// rondo::zero_grad(model);
/// parallel.begin(targets);                            // how much the gradients of this rank weigh
/// model.forward_backward(tokens, targets, B, T, state, cache, mode, parallel.when_ready());
/// parallel.finish();
/// rondo::clip_grad_norm(model, 1);                    // as with one process from here on
/// adam.step(model);
/// @endcode
///
/// Buckets go out while backward still computes the gradients of lower layers, if backward says which are ready; all
/// others go out in finish().
template <class Scalar, class Device = Cpu>
class DataParallel {
  static_assert(std::is_same_v<Scalar, float>, "rondo: DataParallel needs float");

 public:
  /// Copies the weights of rank 0 to all ranks. `model` and `ranks` must outlive this object. Collective. Throws
  /// communication_error.
  template <class Model>
  DataParallel(Model& model, Communicator& ranks, const DataParallelOptions& options = {}) : ranks_(ranks) {
    gradients_.resize(parameter_count(model));
    fill(Device{}, MatrixView<Scalar>{gradients_.data(), gradients_.size(), 1, gradients_.size()}, Scalar(0));
    Index at = 0;
    model.for_each_parameter([&](const Path&, Parameter<Scalar, Device>& p) {
      p.store_grad_at(gradients_.data() + at);
      parameters_.push_back({&p, at});
      at += p.size();
    });
    broadcast_weights(model, ranks);
    make_buckets(options);
  }
  ~DataParallel() {
    for (const Part& part : parameters_) part.parameter->store_grad_at(nullptr);
  }
  DataParallel(const DataParallel&) = delete;             ///< parameters point into the buffer
  DataParallel& operator=(const DataParallel&) = delete;  ///< see the copy constructor

  static constexpr std::size_t kMostTotals = 7;  ///< of finish()

  Communicator& ranks() const { return ranks_; }  ///< the ranks

  /// The gradients of the whole model, in the memory of the device.
  MatrixView<Scalar> gradients() { return {gradients_.data(), gradients_.size(), 1, gradients_.size()}; }

  /// Gradient accumulation: sets the gradients of a part of this rank's batch aside, with their weight, and clears them
  /// for the next part. The last part goes through begin() and finish() instead. Weights as in begin().
  void accumulate(double weight) {
    const auto all = gradients();
    scale(Device{}, all, static_cast<Scalar>(weight));
    if (accumulated_.size() == 0) {
      accumulated_.resize(all.rows);
      fill(Device{}, accumulated(), Scalar(0));
    }
    add(Device{}, ConstView<Scalar>(all), accumulated());
    fill(Device{}, all, Scalar(0));
    accumulated_weight_ += weight;
  }

  /// Begins the exchange of a step. `weight` >= 0: how much the gradients of this rank count, usually the number of
  /// targets in its part of the batch, since losses are means over targets. The sum of the weights of all ranks must be
  /// positive.
  void begin(double weight) {
    weight_ = weight;
    for (Bucket& bucket : buckets_) bucket.missing = bucket.parameters;
    next_ = 0;
  }

  /// Says that the gradient of `parameter` is final: its bucket goes out when it is complete and the buckets before it
  /// have gone. A gradient that is said to be ready must not change before finish(). On a GPU it has no effect unless
  /// the ranks have sums there.
  void ready(const Parameter<Scalar, Device>& parameter) {
    if (staged() || unchanged()) return;
    const auto found = std::ranges::find(parameters_, &parameter, &Part::parameter);
    require_shape(found != parameters_.end(), "DataParallel::ready: the parameter is not one of this model");
    --buckets_[found->bucket].missing;
    while (next_ < buckets_.size() && buckets_[next_].missing == 0) start_next();
  }

  /// ready() as an argument of a backward pass.
  auto when_ready() {
    return [this](const Parameter<Scalar, Device>& parameter) { ready(parameter); };
  }

  /// Waits until every gradient is the weighted mean over all ranks and accumulated parts, the same bits on each rank.
  /// The `totals`, at most kMostTotals, become their sums over all ranks: they travel with the gradients. Throws
  /// communication_error.
  void finish(std::span<double> totals = {}) {
    require_shape(totals.size() <= kMostTotals, "DataParallel::finish: got ", totals.size(), " totals, wanted at most ",
                  kMostTotals);
    if (unchanged()) return;
    sums_ = {weight_ + accumulated_weight_};
    std::ranges::copy(totals, sums_.begin() + 1);
    sums_all_reduce_->start();
    if (staged()) {
      weigh(gradients(), accumulated());
      download(Device{}, ConstView<Scalar>(gradients()), host());
    }
    while (next_ < buckets_.size()) start_next();
    sums_all_reduce_->wait();
    std::copy_n(sums_.begin() + 1, totals.size(), totals.begin());
    for (Bucket& bucket : buckets_) {
      bucket.all_reduce->wait();
      if (!staged()) scale(Device{}, part(gradients(), bucket), static_cast<Scalar>(1 / sums_[0]));
    }
    if (staged()) {
      upload(Device{}, ConstView<Scalar>(host()), gradients());
      scale(Device{}, gradients(), static_cast<Scalar>(1 / sums_[0]));
    }
    if (accumulated_weight_ > 0) fill(Device{}, accumulated(), Scalar(0));
    accumulated_weight_ = 0;
  }

  /// AllReduce::clear_rounding() for all gradients.
  void clear_rounding() {
    for (Bucket& bucket : buckets_) bucket.all_reduce->clear_rounding();
  }

 private:
  struct Part {
    Parameter<Scalar, Device>* parameter;
    Index first;             // its place among the gradients
    std::size_t bucket = 0;  // which bucket it is in
  };
  /// Neighbouring gradients that travel together.
  struct Bucket {
    Index first = 0, size = 0;
    int parameters = 0, missing = 0;  // missing: parameters whose gradients are not final yet
    std::unique_ptr<AllReduce> all_reduce;
  };

  /// Backward computes the last gradients first, so the first bucket is that of the last parameters.
  void make_buckets(const DataParallelOptions& options) {
    const auto wanted = static_cast<Index>(std::max<std::size_t>(options.bucket_bytes / sizeof(Scalar), 1));
    for (std::size_t n = parameters_.size(); n-- > 0;) {
      if (buckets_.empty() || buckets_.back().size >= wanted) buckets_.emplace_back();
      Bucket& bucket = buckets_.back();
      bucket.first = parameters_[n].first;
      bucket.size += parameters_[n].parameter->size();
      bucket.parameters += 1;
      parameters_[n].bucket = buckets_.size() - 1;
    }
    sums_all_reduce_ = ranks_.make_all_reduce(std::span(sums_));
    const auto span = [](MatrixView<Scalar> values) {
      return std::span(values.data, static_cast<std::size_t>(values.rows));
    };
    if constexpr (!kOnHost)
      for (Bucket& bucket : buckets_)
        bucket.all_reduce = ranks_.make_device_all_reduce(span(part(gradients(), bucket)), options.precision);
    if (!kOnHost && buckets_.front().all_reduce) return;
    if constexpr (!kOnHost) on_host_.resize(gradients_.size());
    for (Bucket& bucket : buckets_)
      bucket.all_reduce = ranks_.make_all_reduce(span(part(host(), bucket)), options.precision);
  }

  void start_next() {
    Bucket& bucket = buckets_[next_++];
    if (!staged()) weigh(part(gradients(), bucket), part(accumulated(), bucket));
    bucket.all_reduce->start();
  }

  /// gradients = weight * gradients + accumulated
  void weigh(MatrixView<Scalar> gradients, MatrixView<Scalar> accumulated) {
    scale(Device{}, gradients, static_cast<Scalar>(weight_));
    if (accumulated_weight_ > 0) add(Device{}, ConstView<Scalar>(accumulated), gradients);
  }

  /// Whether the gradients travel by way of the host's memory: those of a GPU, unless the ranks have sums there.
  bool staged() const { return !kOnHost && on_host_.size() > 0; }

  /// One rank, one part: the mean is what backward computed.
  bool unchanged() const { return ranks_.size() == 1 && accumulated_weight_ == 0; }

  static MatrixView<Scalar> part(MatrixView<Scalar> all, const Bucket& bucket) {
    return {all.data + bucket.first, bucket.size, 1, bucket.size};
  }

  MatrixView<Scalar> accumulated() { return {accumulated_.data(), accumulated_.size(), 1, accumulated_.size()}; }

  /// The gradients in the memory of the host: themselves, or the copy that travels.
  MatrixView<Scalar> host() {
    if constexpr (kOnHost)
      return gradients();
    else
      return {on_host_.data(), on_host_.size(), 1, on_host_.size()};
  }

  static constexpr bool kOnHost = std::is_same_v<Device, Cpu>;

  Communicator& ranks_;
  Buffer<Scalar, Device> gradients_, accumulated_;
  Buffer<Scalar> on_host_;  // only of a GPU
  std::vector<Part> parameters_;
  double weight_ = 0, accumulated_weight_ = 0;
  std::array<double, 1 + kMostTotals> sums_{};  // of the weights, and the totals
  std::unique_ptr<AllReduce> sums_all_reduce_;
  std::vector<Bucket> buckets_;
  std::size_t next_ = 0;  // bucket to send next
};

}  // namespace rondo::inline RONDO_ABI
