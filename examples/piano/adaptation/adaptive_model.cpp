// SPDX-License-Identifier: MIT
#include "piano/adaptation/adaptive_model.hpp"

#include <rondo/cpu/threads.hpp>
#include <rondo/optim/clip.hpp>

#include <algorithm>

namespace piano {

namespace {

rondo::TokenModelConfig without_dropout(rondo::TokenModelConfig config) {
  config.dropout = 0;
  config.weight_dropout = 0;
  return config;
}

/// One thread while this object exists: a single sequence gains nothing from two, and two would wait for each other.
class OneThread {
 public:
  OneThread() : former_(rondo::num_threads()) { rondo::set_num_threads(1); }
  ~OneThread() { rondo::set_num_threads(former_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int former_;
};

rondo::Adam optimiser() { return rondo::Adam({.beta1 = 0, .beta2 = AdaptationSettings::kBeta2}); }

}  // namespace

AdaptiveModel::AdaptiveModel(const rondo::TokenModel<float>& trained, const AdaptationSettings& settings)
    : settings_(settings), model_(without_dropout(trained.config()), rng_) {
  trained.for_each_parameter([&](const rondo::Path&, const rondo::Parameter<float>& p) {
    const float* const values = p.value().data;
    trained_.emplace_back(values, values + p.size());
  });
  reset();
}

void AdaptiveModel::reset() {
  auto trained = trained_.cbegin();
  model_.for_each_parameter([&](const rondo::Path&, rondo::Parameter<float>& p) {
    std::copy(trained->begin(), trained->end(), p.value().data);
    ++trained;
    fill(rondo::Cpu{}, p.first_moment(), 0.0f);
    fill(rondo::Cpu{}, p.second_moment(), 0.0f);
  });
  adam_ = optimiser();
}

void AdaptiveModel::learn() {
  rondo::clip_grad_norm(model_, AdaptationSettings::kClip);
  adam_.step(model_, settings_.learning_rate);
  const auto pull = static_cast<float>(settings_.pull);
  auto trained = trained_.cbegin();
  model_.for_each_parameter([&](const rondo::Path&, rondo::Parameter<float>& p) {
    float* value = p.value().data;
    for (const float from : *trained++) *value += pull * (from - *value), ++value;
  });
}

void AdaptiveModel::read(std::span<const std::int32_t> inputs, std::span<const std::int32_t> targets,
                         std::span<const std::uint8_t> excluded, rondo::TokenModel<float>::State& state,
                         Likelihood& likelihood) {
  const auto tokens = static_cast<rondo::Index>(targets.size());
  if (std::count(targets.begin(), targets.end(), rondo::kIgnoreIndex) == tokens) {
    model_.forward(inputs, 1, tokens, state, cache_, rondo::Inference{});
    return;
  }
  rondo::zero_grad(model_);
  model_.forward_backward(inputs, targets, 1, tokens, state, cache_, rondo::Training{rng_}, {}, mask_of(excluded));
  likelihood.add(cache_.logits.flat(), targets);
  learn();
}

Likelihood AdaptiveModel::read(const rondo::music::Piece& piece, const rondo::music::InputSpec& input_spec,
                               bool conditioned, std::size_t limit) {
  const OneThread one_thread;
  Reading reading(*this, piece, input_spec, conditioned);
  while (reading.likelihood().total_tokens() < limit && reading.next()) {
  }
  return reading.likelihood();
}

Reading::Reading(AdaptiveModel& model, const rondo::music::Piece& piece, const rondo::music::InputSpec& input_spec,
                 bool conditioned)
    : model_(&model),
      windows_(std::make_unique<rondo::music::EvaluationBatches>(std::span(&piece, 1), 1, model.settings().window,
                                                                 input_spec, conditioned)),
      state_(model.model().zero_state(1)) {}

bool Reading::next() {
  const auto* window = windows_->batch() > 0 ? windows_->next() : nullptr;
  if (window) model_->read(window->inputs, window->targets, window->excluded, state_, likelihood_);
  return window != nullptr;
}

}  // namespace piano
