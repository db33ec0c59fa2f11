// SPDX-License-Identifier: MIT
#include "piano/run/run_dir.hpp"

#include <rondo/io/checkpoint.hpp>
#include <rondo/io/replace_file.hpp>

#include <fstream>
#include <stdexcept>

namespace piano {

void Config::complete() {
  model.vocabulary = vocabulary_size(pedal);
  model.conditions = conditions.ids();
  model.ids_per_step = conditions.ids_per_step();
}

nlohmann::json Config::to_json() const {
  return {{"model",
           {{"vocabulary", model.vocabulary},
            {"embedding", model.embedding},
            {"hidden", model.hidden},
            {"layers", model.layers},
            {"dropout", model.dropout}}},
          {"pedal", name(pedal)},
          {"conditions", conditions.names()},
          {"data", data},
          {"validation", validation},
          {"validation_fraction", validation_fraction},
          {"augmentation",
           {{"lowest_transposition", augmentation.lowest_transposition},
            {"highest_transposition", augmentation.highest_transposition},
            {"stretches", augmentation.stretches}}},
          {"batch_size", batch_size},
          {"sequence_length", sequence_length},
          {"windows", windows},
          {"learning_rate", learning_rate},
          {"warmup", warmup},
          {"beta2", beta2},
          {"weight_decay", weight_decay},
          {"clip", clip},
          {"steps", steps},
          {"minutes", minutes},
          {"seed", seed}};
}

Config Config::from_json(const nlohmann::json& json) {
  Config c;
  const auto& model = json.at("model");
  model.at("embedding").get_to(c.model.embedding);
  model.at("hidden").get_to(c.model.hidden);
  model.at("layers").get_to(c.model.layers);
  model.at("dropout").get_to(c.model.dropout);
  c.pedal = rondo::music::pedal_mode(json.at("pedal").get<std::string>());
  c.conditions = rondo::music::Conditions::named(json.at("conditions").get<std::vector<std::string>>());
  c.complete();
  json.at("data").get_to(c.data);
  json.at("validation").get_to(c.validation);
  json.at("validation_fraction").get_to(c.validation_fraction);
  const auto& augmentation = json.at("augmentation");
  augmentation.at("lowest_transposition").get_to(c.augmentation.lowest_transposition);
  augmentation.at("highest_transposition").get_to(c.augmentation.highest_transposition);
  augmentation.at("stretches").get_to(c.augmentation.stretches);
  json.at("batch_size").get_to(c.batch_size);
  json.at("sequence_length").get_to(c.sequence_length);
  json.at("windows").get_to(c.windows);
  json.at("learning_rate").get_to(c.learning_rate);
  json.at("warmup").get_to(c.warmup);
  json.at("beta2").get_to(c.beta2);
  json.at("weight_decay").get_to(c.weight_decay);
  json.at("clip").get_to(c.clip);
  json.at("steps").get_to(c.steps);
  json.at("minutes").get_to(c.minutes);
  json.at("seed").get_to(c.seed);
  return c;
}

void RunDir::write_config(const Config& config) const {
  rondo::replace_file(this->config(), config.to_json().dump(2) + "\n");
}

Config RunDir::read_config() const {
  std::ifstream in(config());
  if (!in) throw std::runtime_error(config().string() + ": cannot be opened; is this the folder of a training run?");
  try {
    return Config::from_json(nlohmann::json::parse(in));
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
