// SPDX-License-Identifier: MIT
// StreamingModel: runs a model of a file on one stream, step by step or in blocks, for audio callbacks and control
// loops. Legend: C input features, K outputs, B voices.
#pragma once

#include <rondo/core/streaming_options.hpp>
#include <rondo/cpu/streaming.hpp>
#include <rondo/io/build_modules.hpp>
#include <rondo/io/model_description.hpp>
#include <rondo/layers/streaming.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// A model of a file, for one stream, or for several voices that share its weights. step() and process() allocate
/// nothing, take no lock and make no system call. One object belongs to one thread.
///
/// @code
/// rondo::StreamingModel<float> model(rondo::read_model("amplifier.nam"));
/// model.process(input, output);              // blocks of any number of steps
/// const auto y = model.step(x);              // C values in, K values out
/// @endcode
template <class Scalar>
class StreamingModel {
 public:
  /// Copies and packs the weights; the state is the initial one. Throws file_error for a description that was not
  /// checked, and shape_error for a model that is bidirectional or takes tokens, for a number of voices below 1, and
  /// for a layer that does not support the precision of the weights.
  explicit StreamingModel(const ModelDescription& model, const StreamingOptions& options = {})
      : input_(model.input()), output_(model.output()), options_(options) {
    require_shape(model.streams(),
                  "StreamingModel: a bidirectional model, or one of tokens, needs whole sequences; use InferenceModel");
    require_shape(voices() >= 1, "StreamingModel: ", voices(), " voices, wanted at least 1");
    for (std::size_t n = 0; n < model.modules.size(); ++n) {
      const Module& module = model.modules[n];
      head_ = find_head(model, n);
      std::visit([&](const auto& part) { add(model, module, part); }, module.part);
    }
    block_ = std::max<Index>(1, kBlockRows / voices());
    for (auto& module : modules_) module->reserve(block_ * voices());
    points_.resize(modules_.size() + 1);
    y_.resize(static_cast<std::size_t>(voices() * output()));
    reset();
  }

  Index input() const { return input_; }            ///< C
  Index output() const { return output_; }          ///< K
  Index voices() const { return options_.voices; }  ///< B

  /// One step. x: C values, or B * C with voices, voice after voice. Returns B * K values, valid until the next call.
  /// Throws shape_error for an x of another size.
  std::span<const Scalar> step(std::span<const Scalar> x) {
    require_shape(static_cast<Index>(x.size()) == input() * voices(), "StreamingModel::step: x has ", x.size(),
                  " values, this model wants C = ", input(), voices() > 1 ? " for each voice" : "");
    run(1, x.data(), y_.data());
    return y_;
  }

  /// A block of n steps, with the bits of n single steps. x: n * B * C values and y: n * B * K, step after step, within
  /// a step voice after voice. n may be 0. x and y may be the same memory if C == K. Throws shape_error if x is not a
  /// whole number of steps or y has another number of them.
  void process(std::span<const Scalar> x, std::span<Scalar> y) {
    const Index inputs = input() * voices(), outputs = output() * voices();
    const Index steps = detail::steps_of_block(x.size(), y.size(), inputs, outputs, "StreamingModel");
    for (Index t = 0; t < steps; t += block_)
      run(std::min(block_, steps - t), x.data() + t * inputs, y.data() + t * outputs);
  }

  /// Sets the initial state: that of the file, else zeros.
  void reset() {
    for (auto& module : modules_) module->reset();
  }

 private:
  static constexpr Index kBlockRows = 256;  // bounds the buffers

  /// One module; `points` are the input of the model and the outputs of the modules so far, row after row. A row is one
  /// step of one voice.
  struct Runner {
    explicit Runner(Index features) : outputs(features) {}
    virtual ~Runner() = default;
    virtual const Scalar* run(Index rows, std::span<const Scalar* const> points) = 0;
    virtual void reset() {}
    virtual void reserve(Index rows) { y.resize(static_cast<std::size_t>(rows * outputs)); }
    Index outputs;  // features
    std::vector<Scalar> y;
  };

  template <class Cell>
  struct RecurrentRunner final : Runner {
    RecurrentRunner(const Recurrent<Cell, Scalar>& from, StreamingRecurrent<Cell, Scalar> stream)
        : Runner(stream.output()),
          network(std::move(stream)),
          initial(from.initial_state(network.voices())),
          inputs(static_cast<std::size_t>(from.input())) {}
    const Scalar* run(Index rows, std::span<const Scalar* const> points) override {
      const auto n = static_cast<std::size_t>(rows);
      network.process({points.back(), n * inputs},
                      std::span(this->y).first(n * static_cast<std::size_t>(this->outputs)));
      return this->y.data();
    }
    void reset() override { network.set_state(initial); }
    StreamingRecurrent<Cell, Scalar> network;
    RecurrentState<Scalar> initial;
    std::size_t inputs;
  };

  /// A linear layer that the module before it has computed.
  struct FusedRunner final : Runner {
    FusedRunner() : Runner(0) {}
    const Scalar* run(Index, std::span<const Scalar* const> points) override { return points.back(); }
  };

  struct LinearRunner final : Runner {
    explicit LinearRunner(const Linear<Scalar>& from)
        : Runner(from.output()), layer(from.weight(), from.bias()), inputs(from.input()) {}
    const Scalar* run(Index rows, std::span<const Scalar* const> points) override {
      layer.run(rows, {points.back(), inputs}, this->y.data());
      return this->y.data();
    }
    detail::StreamLinear<Scalar> layer;
    Index inputs;
  };

  /// y = f(x, value at the start of a skip connection).
  template <class F>
  struct ElementRunner final : Runner {
    ElementRunner(F function, Index features, std::size_t start)
        : Runner(features), f(std::move(function)), from(start) {}
    const Scalar* run(Index rows, std::span<const Scalar* const> points) override {
      const Scalar *x = points.back(), *start = points[from];
      for (Index i = 0; i < rows * this->outputs; ++i) this->y.data()[i] = f(x[i], start[i]);
      return this->y.data();
    }
    F f;
    std::size_t from;
  };

  /// The linear module after recurrent module n if nothing else reads the outputs of the latter, else null.
  static const Module* find_head(const ModelDescription& model, std::size_t n) {
    if (!std::holds_alternative<RecurrentModule>(model.modules[n].part) || n + 1 == model.modules.size() ||
        !std::holds_alternative<LinearModule>(model.modules[n + 1].part))
      return nullptr;
    const bool read = std::ranges::any_of(model.modules, [&](const Module& module) {
      const auto* skip = std::get_if<SkipModule>(&module.part);
      return skip != nullptr && skip->from == n + 1;
    });
    return read ? nullptr : &model.modules[n + 1];
  }

  void add(const ModelDescription& model, const Module& module, const RecurrentModule& part) {
    features_ = part.config.output();
    detail::with_network<Scalar>(model, module, [&]<class Cell>(const Recurrent<Cell, Scalar>& network) {
      using Stream = StreamingRecurrent<Cell, Scalar>;
      fused_ = head_ != nullptr;
      modules_.push_back(std::make_unique<RecurrentRunner<Cell>>(
          network,
          fused_ ? Stream(network, detail::make_linear<Scalar>(model, *head_), options_) : Stream(network, options_)));
    });
  }
  void add(const ModelDescription& model, const Module& module, const LinearModule& part) {
    features_ = part.config.output;
    if (std::exchange(fused_, false))
      modules_.push_back(std::make_unique<FusedRunner>());
    else
      modules_.push_back(std::make_unique<LinearRunner>(detail::make_linear<Scalar>(model, module)));
  }
  void add(const ModelDescription&, const Module&, const EmbeddingModule&) {}  // refused by the constructor
  void add(const ModelDescription&, const Module&, const ActivationModule& part) {
    add_elementwise([activation = part.activation](Scalar x, Scalar) { return detail::activate(activation, x); });
  }
  void add(const ModelDescription&, const Module&, const GainModule& part) {
    add_elementwise([factor = static_cast<Scalar>(part.factor)](Scalar x, Scalar) { return factor * x; });
  }
  void add(const ModelDescription&, const Module&, const SkipModule& part) {
    add_elementwise([](Scalar x, Scalar start) { return x + start; }, part.from);
  }
  template <class F>
  void add_elementwise(F f, std::size_t from) {
    modules_.push_back(std::make_unique<ElementRunner<F>>(std::move(f), features(), from));
  }
  template <class F>
  void add_elementwise(F f) {
    add_elementwise(std::move(f), modules_.size());
  }

  /// Features after the modules so far.
  Index features() const { return features_ > 0 ? features_ : input_; }

  /// At most block_ steps.
  void run(Index steps, const Scalar* x, Scalar* y) {
    const Index rows = steps * voices();
    points_[0] = x;
    for (std::size_t n = 0; n < modules_.size(); ++n)
      points_[n + 1] = modules_[n]->run(rows, std::span<const Scalar* const>(points_).first(n + 1));
    if (points_.back() != y) std::copy_n(points_.back(), rows * output(), y);
  }

  Index input_, output_, features_ = 0, block_ = 1;
  StreamingOptions options_;
  std::vector<std::unique_ptr<Runner>> modules_;
  std::vector<Scalar> y_;              // B * K
  const Module* head_ = nullptr;       // in the constructor: the linear module that the next one may compute
  bool fused_ = false;                 // and whether the last one did
  std::vector<const Scalar*> points_;  // input of the model, then output of each module
};

}  // namespace rondo::inline RONDO_ABI
