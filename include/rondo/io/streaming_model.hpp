// SPDX-License-Identifier: MIT
// StreamingModel: runs a model of a file on one stream, step by step, for audio callbacks and control loops. Legend: C
// input features, K outputs.
#pragma once

#include <rondo/cpu/streaming.hpp>
#include <rondo/io/build_modules.hpp>
#include <rondo/io/model_description.hpp>
#include <rondo/layers/streaming.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// A model of a file, for one stream. step() allocates nothing, takes no lock and makes no system call. One object
/// belongs to one thread.
///
/// @code
/// rondo::StreamingModel<float> model(rondo::read_model("amplifier.nam"));
/// model.process(input, output);              // one input and one output: samples
/// const auto y = model.step(x);              // C values in, K values out
/// @endcode
template <class Scalar>
class StreamingModel {
 public:
  /// Copies and packs the weights; the state is the initial one. Throws file_error for a description that was not
  /// checked, and shape_error for a model that is bidirectional or takes tokens.
  explicit StreamingModel(const ModelDescription& model) : input_(model.input()), output_(model.output()) {
    require_shape(model.streams(),
                  "StreamingModel: a bidirectional model, or one of tokens, needs whole sequences; use InferenceModel");
    for (const Module& module : model.modules)
      std::visit([&](const auto& part) { add(model, module, part); }, module.part);
    points_.resize(modules_.size() + 1);
    reset();
  }

  Index input() const { return input_; }    ///< C
  Index output() const { return output_; }  ///< K

  /// One step. x: C values. Returns K values, valid until the next step. Throws shape_error for an x of another size.
  std::span<const Scalar> step(std::span<const Scalar> x) {
    require_shape(static_cast<Index>(x.size()) == input(), "StreamingModel::step: x has ", x.size(),
                  " values, this model wants C = ", input());
    return {run(x.data()), static_cast<std::size_t>(output())};
  }

  /// One step for each sample, for a model with one input and one output. `x` and `y` have the same size, and may be
  /// the same memory. Throws shape_error.
  void process(std::span<const Scalar> x, std::span<Scalar> y) {
    require_shape(input() == 1 && output() == 1, "StreamingModel::process: this model has C = ", input(),
                  ", K = ", output(), ", wanted 1 and 1");
    require_shape(x.size() == y.size(), "StreamingModel::process: x has ", x.size(), " samples, y has ", y.size());
    for (std::size_t n = 0; n < x.size(); ++n) y[n] = *run(&x[n]);
  }

  /// Sets the initial state: that of the file, else zeros.
  void reset() {
    for (auto& module : modules_) module->reset();
  }

 private:
  /// One module; `points` are the input of the model and the outputs of the modules so far.
  struct Runner {
    virtual ~Runner() = default;
    virtual const Scalar* step(std::span<const Scalar* const> points) = 0;
    virtual void reset() {}
  };

  template <class Cell>
  struct RecurrentRunner final : Runner {
    explicit RecurrentRunner(const Recurrent<Cell, Scalar>& from)
        : network(from), initial(from.initial_state(1)), inputs(static_cast<std::size_t>(from.input())) {}
    const Scalar* step(std::span<const Scalar* const> points) override {
      return network.step({points.back(), inputs}).data();
    }
    void reset() override { network.set_state(initial); }
    StreamingRecurrent<Cell, Scalar> network;
    RecurrentState<Scalar> initial;
    std::size_t inputs;
  };

  struct LinearRunner final : Runner {
    explicit LinearRunner(const Linear<Scalar>& from) : layer(from.weight(), from.bias()) {}
    const Scalar* step(std::span<const Scalar* const> points) override { return layer.step(points.back()); }
    detail::StreamLinear<Scalar> layer;
  };

  /// y = f(x, value at the start of a skip connection).
  template <class F>
  struct ElementRunner final : Runner {
    ElementRunner(F function, Index features, std::size_t start)
        : f(std::move(function)), from(start), y(static_cast<std::size_t>(features)) {}
    const Scalar* step(std::span<const Scalar* const> points) override {
      const Scalar *x = points.back(), *start = points[from];
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = f(x[i], start[i]);
      return y.data();
    }
    F f;
    std::size_t from;
    std::vector<Scalar> y;
  };

  void add(const ModelDescription& model, const Module& module, const RecurrentModule& part) {
    features_ = part.config.output();
    detail::with_network<Scalar>(model, module, [&]<class Cell>(const Recurrent<Cell, Scalar>& network) {
      modules_.push_back(std::make_unique<RecurrentRunner<Cell>>(network));
    });
  }
  void add(const ModelDescription& model, const Module& module, const LinearModule& part) {
    features_ = part.config.output;
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

  const Scalar* run(const Scalar* x) {
    points_[0] = x;
    for (std::size_t n = 0; n < modules_.size(); ++n)
      points_[n + 1] = modules_[n]->step(std::span<const Scalar* const>(points_).first(n + 1));
    return points_.back();
  }

  Index input_, output_, features_ = 0;
  std::vector<std::unique_ptr<Runner>> modules_;
  std::vector<const Scalar*> points_;  // input of the model, then output of each module
};

}  // namespace rondo::inline RONDO_ABI
