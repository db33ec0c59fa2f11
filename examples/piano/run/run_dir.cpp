// SPDX-License-Identifier: MIT
#include "piano/run/run_dir.hpp"
#include "piano/run/json_keys.hpp"

#include <rondo/io/checkpoint.hpp>
#include <rondo/io/replace_file.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace piano {

void Config::complete() {
  model.vocabulary = vocabulary_size(pedal);
  model.conditions = conditions.ids();
  model.ids_per_step = conditions.ids_per_step();
}

nlohmann::json Config::to_json() const {
  nlohmann::json settings = {{"model",
                              {{"vocabulary", model.vocabulary},
                               {"embedding", model.embedding},
                               {"hidden", model.hidden},
                               {"layers", model.layers},
                               {"dropout", model.dropout},
                               {"weight_dropout", model.weight_dropout}}},
                             {"pedal", name(pedal)},
                             {"conditions", conditions.names()},
                             {"grammar", grammar},
                             {"data", data},
                             {"validation", validation},
                             {"validation_fraction", validation_fraction},
                             {"augmentation",
                              {{"lowest_transposition", augmentation.lowest_transposition},
                               {"highest_transposition", augmentation.highest_transposition},
                               {"velocity_shift", augmentation.velocity_shift},
                               {"stretches", augmentation.stretches}}},
                             {"batch_size", batch_size},
                             {"sequence_length", sequence_length},
                             {"windows", windows},
                             {"learning_rate", learning_rate},
                             {"warmup", warmup},
                             {"beta2", beta2},
                             {"weight_decay", weight_decay},
                             {"token_features", token_features},
                             {"clip", clip},
                             {"steps", steps},
                             {"minutes", minutes},
                             {"seed", seed},
                             {"adaptation", piano::to_json(adaptation)},
                             {"distribution", distribution.to_json()}};
  if (!from.empty()) settings["from"] = from;
  return settings;
}

Config Config::from_json(const nlohmann::json& settings) {
  Config c;
  refuse_renamed_key(settings, "validation_share", "validation_fraction");
  const auto& model = value_of(settings, "model");
  read_value(model, "embedding", c.model.embedding);
  read_value(model, "hidden", c.model.hidden);
  read_value(model, "layers", c.model.layers);
  read_value(model, "dropout", c.model.dropout);
  if (model.contains("weight_dropout")) read_value(model, "weight_dropout", c.model.weight_dropout);
  std::string pedal;
  read_value(settings, "pedal", pedal);
  c.pedal = rondo::music::pedal_mode(pedal);
  std::vector<std::string> conditions;
  read_value(settings, "conditions", conditions);
  if (std::ranges::count(conditions, "sounding") > 0)
    throw std::runtime_error("key \"conditions\": the value \"sounding\" is now \"active-notes\"");
  c.conditions = rondo::music::Conditions::named(conditions);
  c.grammar = false;  // as in runs before there was this key
  if (settings.contains("grammar")) read_value(settings, "grammar", c.grammar);
  c.complete();
  read_value(settings, "data", c.data);
  read_value(settings, "validation", c.validation);
  read_value(settings, "validation_fraction", c.validation_fraction);
  const auto& augmentation = value_of(settings, "augmentation");
  read_value(augmentation, "lowest_transposition", c.augmentation.lowest_transposition);
  read_value(augmentation, "highest_transposition", c.augmentation.highest_transposition);
  if (augmentation.contains("velocity_shift"))
    read_value(augmentation, "velocity_shift", c.augmentation.velocity_shift);
  read_value(augmentation, "stretches", c.augmentation.stretches);
  read_value(settings, "batch_size", c.batch_size);
  read_value(settings, "sequence_length", c.sequence_length);
  read_value(settings, "windows", c.windows);
  read_value(settings, "learning_rate", c.learning_rate);
  read_value(settings, "warmup", c.warmup);
  read_value(settings, "beta2", c.beta2);
  read_value(settings, "weight_decay", c.weight_decay);
  c.token_features = false;  // likewise
  if (settings.contains("token_features")) read_value(settings, "token_features", c.token_features);
  read_value(settings, "clip", c.clip);
  read_value(settings, "steps", c.steps);
  read_value(settings, "minutes", c.minutes);
  read_value(settings, "seed", c.seed);
  if (settings.contains("from")) read_value(settings, "from", c.from);
  if (settings.contains("adaptation")) c.adaptation = adaptation_settings(settings["adaptation"]);
  if (settings.contains("distribution")) c.distribution = Distribution::from_json(settings["distribution"]);
  return c;
}

void RunDir::write_config(const Config& config) const {
  rondo::replace_file(this->config(), config.to_json().dump(2) + "\n");
}

Config RunDir::read_config() const {
  std::ifstream in(config());
  if (!in) throw std::runtime_error(config().string() + ": cannot be opened; is this the folder of a training run?");
  try {
    return Config::from_json(parse_json({std::istreambuf_iterator<char>(in), {}}));
  } catch (const std::exception& e) {
    throw std::runtime_error(config().string() + ": " + e.what());
  }
}

rondo::TokenModel<float> RunDir::read_model(const Config& config, const std::filesystem::path& weights) {
  rondo::Rng rng(0);
  rondo::TokenModel<float> result(config.model, rng);
  rondo::load_model(weights, result);
  return result;
}

}  // namespace piano
