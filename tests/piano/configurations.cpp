// SPDX-License-Identifier: MIT
#include "piano/run/configurations.hpp"

#include <set>
#include <string>
#include <vector>

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

TEST_CASE("The chosen configuration, by tokens and the length of the run") {
  struct Row {
    AtHand at_hand;
    int layers;
    rondo::Index hidden;
    double dropout, weight_decay;
    int lowest, highest;
    double passes;
  };
  // The bundled pieces have tens of thousands of tokens, ten performances 400 thousand, 80 hours of music 13 million.
  // The passes of runs in steps are exact.
  const std::vector<Row> table = {
      {{.tokens = 40'000, .steps = 4000, .minutes = 0, .threads = 1}, 1, 256, 0.3, 0.5, -5, 6, 204.8},
      {{.tokens = 400'000, .steps = 4000, .minutes = 0, .threads = 1}, 1, 256, 0.1, 0.5, -5, 6, 20.48},
      {{.tokens = 400'000, .steps = 5800, .minutes = 0, .threads = 1}, 1, 256, 0.1, 0.5, -5, 6, 29.70},
      {{.tokens = 400'000, .steps = 5900, .minutes = 0, .threads = 1}, 1, 256, 0.3, 0.5, -5, 6, 30.21},
      {{.tokens = 400'000, .steps = 400, .minutes = 0, .threads = 8}, 1, 256, 0, 0, -3, 3, 2.048},
      {{.tokens = 400'000, .steps = 400, .minutes = 0, .threads = 1, .tokens_per_batch = 4096},
       1,
       256,
       0.1,
       0.5,
       -5,
       6,
       4.096},
      {{.tokens = 400'000, .steps = 0, .minutes = 2, .threads = 2}, 1, 256, 0.1, 0.5, -5, 6, 12},
      {{.tokens = 400'000, .steps = 0, .minutes = 0.25, .threads = 1}, 1, 256, 0, 0, -3, 3, 0.75},
      {{.tokens = 13'000'000, .steps = 0, .minutes = 2, .threads = 2}, 1, 256, 0, 0, -3, 3, 0.37},
      {{.tokens = 13'000'000, .steps = 0, .minutes = 20, .threads = 2}, 1, 256, 0, 0, -3, 3, 3.7},
      {{.tokens = 13'000'000, .steps = 0, .minutes = 70, .threads = 2}, 2, 512, 0, 0, -3, 3, 2.1},
      {{.tokens = 13'000'000, .steps = 40'000, .minutes = 0, .threads = 2}, 2, 512, 0.1, 0.5, -5, 6, 6.3},
      {{.tokens = 100'000'000, .steps = 0, .minutes = 600, .threads = 64}, 2, 512, 0, 0, -3, 3, 18},
      {{.tokens = 0, .steps = 10, .minutes = 0, .threads = 1}, 1, 256, 0.3, 0.5, -5, 6, 20480},
  };
  for (const Row& row : table) {
    INFO(row.at_hand.tokens << " tokens, " << row.at_hand.steps << " steps, " << row.at_hand.minutes << " minutes, "
                            << row.at_hand.threads << " threads");
    const auto [config, passes] = choose_configuration(row.at_hand);
    CHECK(config.model.layers == row.layers);
    CHECK(config.model.hidden == row.hidden);
    CHECK(config.model.dropout == row.dropout);
    CHECK(config.weight_decay == row.weight_decay);
    CHECK(config.augmentation.lowest_transposition == row.lowest);
    CHECK(config.augmentation.highest_transposition == row.highest);
    const bool strongly = row.dropout > 0.1;
    CHECK(config.model.weight_dropout == (strongly ? 0.2 : 0));
    CHECK(config.augmentation.velocity_shift == (strongly ? 3 : 0));
    CHECK(config.augmentation.stretches.back() == (strongly ? 1.1 : 1.05));
    CHECK(config.conditions.names().size() == 3);
    CHECK(passes == Approx(row.passes).epsilon(row.at_hand.steps > 0 ? 1e-3 : 0.05));
    CHECK((config.steps == 0 && config.minutes == 0));
  }
}
