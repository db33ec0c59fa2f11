// SPDX-License-Identifier: MIT
#include "piano/run/configurations.hpp"

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace piano;

TEST_CASE("Configurations have unique names; the default is the first") {
  CHECK(configuration_names() == std::vector<std::string>{"default", "tiny", "small", "medium", "performance-rnn"});
  for (const Configuration& c : configurations()) {
    INFO(c.name);
    CHECK_FALSE(c.about.empty());
    CHECK(configuration(c.name).to_json() == c.config.to_json());
    CHECK((c.config.steps == 0 && c.config.minutes == 0));  // a configuration never sets the length of the run
  }
  std::set<std::string> different;
  for (const Configuration& c : configurations()) different.insert(c.config.to_json().dump());
  CHECK(different.size() == configurations().size());
  CHECK_THROWS_WITH(configuration("huge"),
                    "there is no configuration 'huge'; wanted one of default, tiny, small, medium, performance-rnn");
}

TEST_CASE("The configuration of Performance RNN is the published one") {
  const Config& c = configuration("performance-rnn");  // Oore et al. 2018: three layers of 512, windows of 512, 64 each
  CHECK((c.model.layers == 3 && c.model.hidden == 512 && c.sequence_length == 512 && c.batch_size == 64));
  CHECK(c.learning_rate == 1e-3);
}

TEST_CASE("A configuration is unchanged after writing and reading") {
  for (const Configuration& named : configurations()) {
    Config c = named.config;
    c.pedal = rondo::music::PedalMode::tokens;
    c.data = {"/a/b.mid", "c"};
    c.validation = {"x"};
    c.validation_fraction = 0.25;
    c.augmentation = {-5, 2, {0.9, 1.1}};
    c.batch_size = 7, c.sequence_length = 8, c.windows = 9;
    c.learning_rate = 0.125, c.warmup = 0.5, c.beta2 = 0.75, c.weight_decay = 0.0625, c.clip = 11;
    c.steps = 12, c.minutes = 1.5, c.seed = 13, c.model.dropout = 0.375;
    c.complete();
    CHECK(c.model.vocabulary == rondo::music::kVocabularyWithPedal);
    CHECK(c.model.conditions == c.conditions.ids());
    CHECK(c.model.ids_per_step == c.conditions.ids_per_step());
    const Config back = Config::from_json(c.to_json());
    CHECK(back.to_json() == c.to_json());
    CHECK(back.to_json() != named.config.to_json());
    CHECK(back.model.conditions == c.model.conditions);
    CHECK(back.model.ids_per_step == c.model.ids_per_step);
    CHECK((back.batch_size == 7 && back.windows == 9 && back.beta2 == 0.75 && back.clip == 11 && back.seed == 13));
  }
}
