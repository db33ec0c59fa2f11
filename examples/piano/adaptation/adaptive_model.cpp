// SPDX-License-Identifier: MIT
#include "piano/adaptation/adaptive_model.hpp"
#include "piano/evaluation/style.hpp"

#include <rondo/cpu/threads.hpp>
#include <rondo/optim/clip.hpp>

#include <algorithm>

namespace piano {

namespace music = rondo::music;

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
    std::ranges::copy(*trained++, p.value().data);
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

Likelihood AdaptiveModel::read(const music::Piece& piece, const music::InputSpec& input_spec, bool conditioned,
                               std::size_t limit) {
  const OneThread one_thread;
  Likelihood likelihood;
  music::EvaluationBatches windows({&piece, 1}, 1, settings_.window, input_spec, conditioned);
  auto state = model_.zero_state(1);
  while (likelihood.total_tokens() < limit) {
    const auto* window = windows.batch() > 0 ? windows.next() : nullptr;
    if (!window) break;
    rondo::zero_grad(model_);
    model_.forward_backward(window->inputs, window->targets, 1, settings_.window, state, cache_, rondo::Training{rng_});
    likelihood.add(cache_.logits.flat(), window->targets);
    learn();
  }
  return likelihood;
}

Likelihood evaluate_adaptive(const rondo::TokenModel<float>& trained, const AdaptationSettings& settings,
                             std::span<const music::Piece> pieces, const music::InputSpec& input_spec,
                             std::size_t limit) {
  AdaptiveModel model(trained, settings);
  Likelihood likelihood;
  for (const music::Piece& piece : pieces) {
    model.reset();
    likelihood.add(model.read(piece, input_spec, false, limit));
  }
  return likelihood;
}

AdaptationSettings tune_adaptation(const rondo::TokenModel<float>& trained, std::span<const music::Piece> pieces,
                                   const music::InputSpec& input_spec, std::size_t tokens) {
  AdaptationSettings best;
  if (tokens < kFewestTuningTokens || pieces.empty()) return best;
  std::vector<music::Piece> some;
  for (const music::Piece* piece : evenly_spaced(pieces, 4)) some.push_back(*piece);
  double best_nats = std::numeric_limits<double>::infinity();
  const auto attempt = [&](AdaptationSettings settings) {
    const Likelihood likelihood = evaluate_adaptive(trained, settings, some, input_spec, tokens / some.size());
    if (likelihood.total_tokens() < kFewestTuningTokens || !(likelihood.per_token() < best_nats)) return;
    best_nats = likelihood.per_token();
    best = settings;
  };
  for (const double rate : {2e-4, 5e-4, 1e-3, 2e-3}) attempt({.learning_rate = rate});
  const double rate = best.learning_rate;
  for (const double pull : {0.0, 0.005}) attempt({.learning_rate = rate, .pull = pull});
  return best;
}

}  // namespace piano
