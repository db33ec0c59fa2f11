// SPDX-License-Identifier: MIT
#include "piano/run/configurations.hpp"

#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace piano {
namespace {

constexpr rondo::music::Conditions kAll{.notes_per_second = true, .key = true, .active_notes = true};

Config network(int layers, int hidden, int embedding, double dropout, rondo::music::Conditions conditions = {}) {
  Config c;
  c.model.layers = layers;
  c.model.hidden = hidden;
  c.model.embedding = embedding;
  c.model.dropout = dropout;
  c.conditions = conditions;
  return c;
}

Config small_network() { return network(1, 256, 256, 0.1, kAll); }
Config large_network() { return network(2, 512, 256, 0.1, kAll); }

/// Against overfitting: all keys, and a strong decay of the weights.
Config regularised(Config c) {
  c.augmentation.lowest_transposition = -5;
  c.augmentation.highest_transposition = 6;
  c.weight_decay = 0.5;
  return c;
}

/// For many passes over few pieces.
Config strongly_regularised(Config c) {
  c = regularised(std::move(c));
  c.model.dropout = 0.3;
  c.model.weight_dropout = 0.2;
  c.augmentation.velocity_shift = 3;
  c.augmentation.stretches = {0.9, 0.95, 1, 1.05, 1.1};
  return c;
}

/// The network and the batches of Performance RNN (Oore et al. 2018): Adam with a short warmup, long windows.
Config performance_rnn() {
  Config c = network(3, 512, 512, 0);
  c.batch_size = 64;
  c.sequence_length = 512;
  c.windows = 1;
  c.learning_rate = 1e-3;
  c.beta2 = 0.999;
  c.token_features = false;
  c.grammar = false;
  c.clip = 3;
  return c;
}

/// Number of weights that a token is multiplied with: those of the layers and of the output.
double weights(const rondo::TokenModelConfig& m) {
  const auto H = static_cast<double>(m.hidden);
  return 4 * H * (static_cast<double>(m.embedding) + H) + 8 * H * H * static_cast<double>(m.layers - 1) +
         H * rondo::music::kVocabulary;
}

// Thresholds of choose_configuration(). The speed and kPasses are measured, the others lie between measurements.
constexpr double kTokensPerSecond = 20'000;               // of a core that trains 1 x 256 with --precision fp32
constexpr double kMostThreads = 16;                       // beyond these a batch of 32 sequences is not faster
constexpr double kLargeTokens = 2e6, kLargeSteps = 5000;  // with fewer tokens or steps a large network does not pay
constexpr double kPasses = 3;                             // over the pieces: from here on regularisation pays
constexpr double kManyPasses = 30;                        // and from here on more of it
constexpr double kTokensPerWeight = 4;                    // a network with fewer weights does not overfit

/// Tokens that a run reads.
double read(const Config& config, const AtHand& at_hand) {
  if (at_hand.steps > 0) return static_cast<double>(at_hand.steps) * at_hand.tokens_per_batch;
  const double speed = kTokensPerSecond * weights(small_network().model) / weights(config.model);
  return 60 * at_hand.minutes * speed * std::min<double>(at_hand.threads, kMostThreads);
}

}  // namespace

Choice choose_configuration(const AtHand& at_hand) {
  const auto tokens = static_cast<double>(std::max<std::size_t>(at_hand.tokens, 1));
  const Config large = large_network();
  const bool much = tokens >= kLargeTokens && read(large, at_hand) >= kLargeSteps * at_hand.tokens_per_batch;
  Config config = much ? large : small_network();
  const double passes = read(config, at_hand) / tokens;
  if (passes < kPasses || tokens >= kTokensPerWeight * weights(config.model))
    config.model.dropout = 0;
  else
    config = passes < kManyPasses ? regularised(std::move(config)) : strongly_regularised(std::move(config));
  return {std::move(config), passes};
}

const std::vector<Configuration>& configurations() {
  static const std::vector<Configuration> all = {
      {"default", "2 x 256, not conditioned", regularised(network(2, 256, 128, 0.1))},
      {"tiny", "1 x 64: trains in seconds", network(1, 64, 64, 0)},
      {"small", "1 x 256, conditioned on note density, key and active notes: best for a few minutes of training",
       regularised(small_network())},
      {"medium", "2 x 512, the same conditions: for an hour of music or more", regularised(large_network())},
      {"performance-rnn", "3 x 512, sequences of 512 tokens, batches of 64, as in Performance RNN", performance_rnn()},
  };
  return all;
}

std::vector<std::string> configuration_names() {
  std::vector<std::string> names;
  for (const Configuration& c : configurations()) names.push_back(c.name);
  return names;
}

const Config& configuration(const std::string& name) {
  const auto found = std::ranges::find(configurations(), name, &Configuration::name);
  if (found != configurations().end()) return found->config;
  std::string names;
  for (const Configuration& c : configurations()) names += (names.empty() ? "" : ", ") + c.name;
  throw std::invalid_argument("there is no configuration '" + name + "'; wanted one of " + names);
}

}  // namespace piano
