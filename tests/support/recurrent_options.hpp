// SPDX-License-Identifier: MIT
// Small networks of every cell with each of its options, in one direction and both, dense and ragged: what every test of
// the equations goes through.
#pragma once

#include <string>
#include <vector>

#include <rondo/layers/gru.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/lstm_variants.hpp>

#include "support/catch.hpp"

/// For TEMPLATE_TEST_CASE.
#define RONDO_CELLS \
  rondo::LstmCell, rondo::GruCell, rondo::PeepholeLstmCell, rondo::CoupledLstmCell, rondo::CoupledPeepholeLstmCell

namespace rondo_test {

struct RecurrentOption {
  std::string name;
  rondo::RecurrentConfig config;
};

/// Two layers with each option that the cell takes.
template <class Cell>
std::vector<RecurrentOption> recurrent_options() {
  const rondo::RecurrentConfig plain{.input = 2, .hidden = 3, .layers = 2};
  std::vector<RecurrentOption> all;
  const auto add = [&](const std::string& name, auto change) {
    rondo::RecurrentConfig config = plain;
    change(config);
    all.push_back({name, config});
  };
  add("as it is", [](auto&) {});
  add("without bias", [](auto& config) { config.bias = false; });
  add("dropout", [](auto& config) { config.dropout = 0.4; });
  if (Cell::kHasC) add("projection", [](auto& config) { config.projection = 2; });
  add("layer norm", [](auto& config) { config.layer_norm = true; });
  add("learned initial state", [](auto& config) { config.learned_initial_state = true; });
  add("weight dropout", [](auto& config) { config.weight_dropout = 0.3; });
  add("recurrent dropout", [](auto& config) { config.recurrent_dropout = 0.3; });
  add("everything at once", [](auto& config) {
    config.dropout = 0.4;
    config.weight_dropout = config.recurrent_dropout = 0.2;
    config.projection = Cell::kHasC ? 2 : 0;
    config.layer_norm = true;
    config.learned_initial_state = true;
  });
  return all;
}

/// For batches of 3 and 5 steps: dense; longest first, none as long as T; unsorted; each with an empty sequence.
inline const std::vector<std::vector<rondo::Index>> kLengths = {{}, {4, 3, 0}, {3, 0, 5}};

/// check(config, lengths) for all of them.
template <class Cell, class Check>
void for_each_option(Check&& check) {
  for (const RecurrentOption& option : recurrent_options<Cell>())
    for (const auto& lengths : kLengths)
      for (bool bidirectional : {false, true}) {
        rondo::RecurrentConfig config = option.config;
        config.bidirectional = bidirectional;
        std::string text = lengths.empty() ? "dense" : "lengths";
        for (rondo::Index length : lengths) text += " " + std::to_string(length);
        INFO(Cell::kName << ", " << option.name << ", " << (bidirectional ? "bidirectional, " : "") << text);
        check(config, lengths);
      }
}

}  // namespace rondo_test
