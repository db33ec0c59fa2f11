// SPDX-License-Identifier: MIT
#include "piano/run/configurations.hpp"

#include <algorithm>
#include <stdexcept>

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

/// Against overfitting: all keys, and a strong decay of the weights.
Config regularised(Config c) {
  c.augmentation.lowest_transposition = -5;
  c.augmentation.highest_transposition = 6;
  c.weight_decay = 0.15;
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
  c.clip = 3;
  return c;
}

}  // namespace

const std::vector<Configuration>& configurations() {
  static const std::vector<Configuration> all = {
      {"default", "2 x 256: the defaults of the options", network(2, 256, 128, 0.1)},
      {"tiny", "1 x 64: trains in seconds", network(1, 64, 64, 0)},
      {"small", "1 x 256, conditioned on note density, key and active notes: best for a few minutes of training",
       regularised(network(1, 256, 256, 0.1, kAll))},
      {"medium", "2 x 512, the same conditions: for an hour of music or more", network(2, 512, 256, 0.1, kAll)},
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
