// SPDX-License-Identifier: MIT
// InferenceModel: runs a model of a file on batches of sequences. Legend: C input features, K outputs, B batch, T
// steps.
#pragma once

#include <rondo/io/build_modules.hpp>
#include <rondo/io/model_description.hpp>
#include <rondo/layers/inference.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// A model of a file, for inference on batches. Several threads may use one object, each with its own state and
/// workspace.
///
/// @code
/// const rondo::InferenceModel<float> model(rondo::read_model("tagger.safetensors"));
/// auto state = model.initial_state(B);
/// rondo::InferenceModel<float>::Workspace work;
/// const auto& y = model.forward(x, state, work);  // x: C x B x T, y: K x B x T
/// @endcode
template <class Scalar>
class InferenceModel {
 public:
  /// h and c of each recurrent module, in order.
  struct State {
    std::vector<RecurrentState<Scalar>> modules;  ///< of recurrent module 0, 1, ...
  };

  /// Workspace of one caller. Reused between calls, it stops allocating.
  struct Workspace {
    std::vector<RecurrentInferenceWorkspace<Scalar>> recurrent;  ///< of each recurrent module
    std::vector<Sequence<Scalar>> y;                             ///< output of each other module
    std::vector<const Sequence<Scalar>*> points;                 ///< input of the model, then output of each module
  };

  /// Copies and packs the weights. Throws file_error if tensors are missing or have other shapes, for a description
  /// that was not checked.
  explicit InferenceModel(const ModelDescription& model, Precision precision = Precision::fp32)
      : input_(model.input()), output_(model.output()) {
    for (const Module& module : model.modules)
      std::visit([&](const auto& part) { add(model, module, part, precision); }, module.part);
  }

  Index input() const { return input_; }                       ///< C; for tokens the ids per step
  Index output() const { return output_; }                     ///< K
  bool takes_tokens() const { return embedding_ != nullptr; }  ///< whether the input is tokens
  /// How the recurrent modules are computed: "packed", "plain", or "none" in a model without them.
  const std::string& path() const { return path_; }

  /// The state before the first step: that of the file, else zeros.
  State initial_state(Index batch) const {
    State state;
    for (const auto& module : modules_)
      if (module->recurrent()) state.modules.push_back(module->initial_state(batch));
    return state;
  }

  /// x: C x B x T. state, in/out. Returns the outputs, K x B x T, stored in `work` until its next use; zeros in
  /// padding. Throws shape_error, also for a model that takes tokens.
  const Sequence<Scalar>& forward(const Sequence<Scalar>& x, State& state, Workspace& work) const {
    require_shape(!takes_tokens(), "InferenceModel::forward: this model takes tokens");
    require_shape(x.features() == input(), "InferenceModel::forward: x is ", x.shape(),
                  ", this model wants C = ", input());
    prepare(state, work);
    return run(x, state, work);
  }

  /// The same for a model that takes tokens: B*T ids, token (b, t) at b + B * t. With several ids per step,
  /// input()*B*T ids, those of (b, t) from input() * (b + B * t) on; kNoToken adds nothing. Throws shape_error.
  const Sequence<Scalar>& forward(std::span<const std::int32_t> tokens, Index batch, Index time, State& state,
                                  Workspace& work) const {
    require_shape(takes_tokens(), "InferenceModel::forward: this model takes features, not tokens");
    prepare(state, work);
    embedding_->forward(tokens, batch, time, work.y[0], input());
    return run(work.y[0], state, work);
  }

 private:
  /// One module; `points` are the input of the model and the outputs of the modules so far.
  struct Runner {
    virtual ~Runner() = default;
    virtual bool recurrent() const { return false; }
    virtual RecurrentState<Scalar> initial_state(Index) const { return {}; }
    virtual const Sequence<Scalar>& run(std::span<const Sequence<Scalar>* const>, RecurrentState<Scalar>*,
                                        RecurrentInferenceWorkspace<Scalar>*, Sequence<Scalar>&) const = 0;
  };

  template <class Cell>
  struct RecurrentRunner final : Runner {
    explicit RecurrentRunner(const Recurrent<Cell, Scalar>& from, Precision precision)
        : network(from, precision), initial(from.initial_state(1)) {}
    bool recurrent() const override { return true; }
    RecurrentState<Scalar> initial_state(Index batch) const override {
      RecurrentState<Scalar> state;
      const auto repeat = [&](const Sequence<Scalar>& from, Sequence<Scalar>& to) {
        to.resize(from.features(), batch, from.time());
        for (Index n = 0; n < from.time(); ++n) set_columns(Cpu{}, to.at(n), from.at(n));
      };
      repeat(initial.h, state.h);
      if constexpr (Cell::kHasC) repeat(initial.c, state.c);
      return state;
    }
    const Sequence<Scalar>& run(std::span<const Sequence<Scalar>* const> points, RecurrentState<Scalar>* state,
                                RecurrentInferenceWorkspace<Scalar>* work, Sequence<Scalar>&) const override {
      return network.forward(*points.back(), *state, *work);
    }
    InferenceRecurrent<Cell, Scalar> network;
    RecurrentState<Scalar> initial;  // of one sequence
  };

  struct LinearRunner final : Runner {
    explicit LinearRunner(Linear<Scalar> from) : layer(std::move(from)) {}
    const Sequence<Scalar>& run(std::span<const Sequence<Scalar>* const> points, RecurrentState<Scalar>*,
                                RecurrentInferenceWorkspace<Scalar>*, Sequence<Scalar>& y) const override {
      layer.forward(*points.back(), y);
      return y;
    }
    Linear<Scalar> layer;
  };

  /// y = f(x, value at the start of a skip connection), in all steps that are not padding.
  template <class F>
  struct ElementRunner final : Runner {
    ElementRunner(F function, std::size_t start) : f(std::move(function)), from(start) {}
    const Sequence<Scalar>& run(std::span<const Sequence<Scalar>* const> points, RecurrentState<Scalar>*,
                                RecurrentInferenceWorkspace<Scalar>*, Sequence<Scalar>& y) const override {
      const Sequence<Scalar>&x = *points.back(), &start = *points[from];
      y.resize_like(x, x.features());
      fill(Cpu{}, y.flat(), 0);
      for_each_active_run(x, [&](Index first, Index count) {
        for (Index j = first; j < first + count; ++j)
          for (Index i = 0; i < x.features(); ++i)
            y.flat()(i, j) = f(x.flat()(i, j), i < start.features() ? start.flat()(i, j) : Scalar(0));
      });
      return y;
    }
    F f;
    std::size_t from;
  };

  void add(const ModelDescription& model, const Module& module, const RecurrentModule&, Precision precision) {
    detail::with_network<Scalar>(model, module, [&]<class Cell>(const Recurrent<Cell, Scalar>& network) {
      const std::string path = network.path();
      path_ = path_ == "none" || path_ == path ? path : path_ + ", " + path;
      modules_.push_back(std::make_unique<RecurrentRunner<Cell>>(network, precision));
    });
  }
  void add(const ModelDescription& model, const Module& module, const LinearModule&, Precision) {
    modules_.push_back(std::make_unique<LinearRunner>(detail::make_linear<Scalar>(model, module)));
  }
  void add(const ModelDescription& model, const Module& module, const EmbeddingModule&, Precision) {
    embedding_ = std::make_unique<Embedding<Scalar>>(detail::make_embedding<Scalar>(model, module));
  }
  void add(const ModelDescription&, const Module&, const ActivationModule& part, Precision) {
    add_elementwise([activation = part.activation](Scalar x, Scalar) { return detail::activate(activation, x); });
  }
  void add(const ModelDescription&, const Module&, const GainModule& part, Precision) {
    add_elementwise([factor = static_cast<Scalar>(part.factor)](Scalar x, Scalar) { return factor * x; });
  }
  void add(const ModelDescription&, const Module&, const SkipModule& part, Precision) {
    add_elementwise([](Scalar x, Scalar start) { return x + start; }, part.from);
  }
  template <class F>
  void add_elementwise(F f, std::size_t from = 0) {
    modules_.push_back(std::make_unique<ElementRunner<F>>(std::move(f), from));
  }

  void prepare(const State& state, Workspace& work) const {
    std::size_t count = 0;
    for (const auto& module : modules_) count += module->recurrent();
    require_shape(state.modules.size() == count, "InferenceModel::forward: state has ", state.modules.size(),
                  " modules, this model has ", count);
    work.recurrent.resize(count);
    work.y.resize(modules_.size() + 1);
  }

  const Sequence<Scalar>& run(const Sequence<Scalar>& x, State& state, Workspace& work) const {
    work.points.assign(1, &x);
    if (takes_tokens()) work.points.push_back(&x);  // the output of the embedding
    std::size_t recurrent = 0;
    for (std::size_t n = 0; n < modules_.size(); ++n) {
      const bool has_state = modules_[n]->recurrent();
      work.points.push_back(&modules_[n]->run(work.points, has_state ? &state.modules[recurrent] : nullptr,
                                              has_state ? &work.recurrent[recurrent] : nullptr, work.y[n + 1]));
      recurrent += has_state;
    }
    return *work.points.back();
  }

  Index input_, output_;
  std::unique_ptr<const Embedding<Scalar>> embedding_;
  std::vector<std::unique_ptr<const Runner>> modules_;  // without the embedding
  std::string path_ = "none";
};

}  // namespace rondo::inline RONDO_ABI
