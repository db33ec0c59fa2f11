// SPDX-License-Identifier: MIT
// One step of training: forward, backward, clip, Adam.
#pragma once

#include "piano/grammar_mask.hpp"

#include <rondo/core/captured_step.hpp>
#include <rondo/core/random.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/token_features.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>
#include <rondo/optim/factored_parameters.hpp>

#include <cmath>

namespace piano {

struct BatchResult {
  double nll;        // nats per token of this batch
  double grad_norm;  // before clipping

  bool finite() const { return std::isfinite(nll) && std::isfinite(grad_norm); }
};

/// The same in the memory of the device.
template <class Device>
struct BatchResultOnDevice {
  rondo::DeferredLoss<Device> loss;
  rondo::GradientNorm<Device> grad_norm;
};

/// The exchange of a process that trains alone: RankExchange has that of several.
struct NoExchange {
  void begin(double) {}
  rondo::NotifyNobody when_ready() { return {}; }
  template <class Loss>
  void finish(double, Loss&&) {}
  template <class Model>
  void after_step(Model&) {}
};

/// The model with the features of its tokens. It must outlive the result.
template <class Device>
rondo::FactoredTokens<float, Device> with_token_features(rondo::TokenModel<float, Device>& model,
                                                         const rondo::music::InputSpec& input_spec) {
  const rondo::music::TokenFeatures features(input_spec);
  return rondo::factored_tokens(
      model, rondo::MatrixView<const float>{features.data(), features.rows(), features.columns(), features.rows()});
}

/// Forward and backward of one batch of T = `steps`. Adds to the gradients.
template <class Model, class Device, class Ready>
void add_gradients(Model& model, const rondo::music::Batch& batch, rondo::Index steps, typename Model::State& state,
                   typename Model::Cache& cache, rondo::DeferredLoss<Device>& loss, rondo::Rng& rng, Ready&& ready) {
  state.reset(batch.reset);
  model.forward_backward(batch.inputs, batch.targets, static_cast<rondo::Index>(batch.reset.size()), steps, state,
                         cache, rondo::Training{rng}, loss, ready, mask_of(batch.excluded));
}

/// Trains the model of `factored` on one batch of T = `steps`; gradients of batches before it may have been accumulated
/// in `exchange`. State, cache and `on_device` are those of the previous batch. The weights are unchanged if the result
/// is not finite. A GPU is waited for once, when all work of the step is enqueued; with `captured` that is one CUDA
/// graph, in which nothing can be exchanged.
template <class Device, class Exchange = NoExchange>
BatchResult train_on_batch(rondo::FactoredTokens<float, Device>& factored, rondo::Adam& adam,
                           const rondo::music::Batch& batch, rondo::Index steps, double clip, double learning_rate,
                           rondo::LstmState<float, Device>& state,
                           typename rondo::TokenModel<float, Device>::Cache& cache,
                           BatchResultOnDevice<Device>& on_device, rondo::Rng& rng, Exchange&& exchange = {},
                           rondo::CapturedStep<Device>* captured = nullptr) {
  const auto tokens = static_cast<double>(batch.tokens);
  auto& model = factored.model();
  const auto enqueue = [&] {
    rondo::zero_grad(model);
    exchange.begin(tokens);
    add_gradients(model, batch, steps, state, cache, on_device.loss, rng, exchange.when_ready());
    exchange.finish(tokens, [&] { return on_device.loss.get().mean(); });
    rondo::clip_grad_norm(model, clip, on_device.grad_norm);
    factored.set_gradients();
    adam.step(factored, learning_rate, on_device.grad_norm);
    factored.apply();
    exchange.after_step(model);
  };
  captured ? captured->run(enqueue) : enqueue();
  return {on_device.loss.get().mean(), on_device.grad_norm.value()};
}

}  // namespace piano
