// SPDX-License-Identifier: MIT
// Small networks of every cell with each of its options, in one and both directions, dense and ragged: the cases of
// every test of the equations.
#pragma once

#include <string>
#include <vector>

#include <rondo/layers/gru.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/lstm_variants.hpp>

#include "support/catch.hpp"

/// Cells for TEMPLATE_TEST_CASE.
#define RONDO_CELLS \
  rondo::LstmCell, rondo::GruCell, rondo::PeepholeLstmCell, rondo::CoupledLstmCell, rondo::CoupledPeepholeLstmCell

namespace rondo_test {

struct RecurrentOption {
  std::string name;
  rondo::RecurrentConfig config;
};

/// Two layers with each option that the cell supports.
template <class Cell>
std::vector<RecurrentOption> recurrent_options() {
  const rondo::RecurrentConfig plain{.input = 2, .hidden = 3, .layers = 2};
  std::vector<RecurrentOption> all;
  const auto add = [&](const std::string& name, auto change) {
    rondo::RecurrentConfig config = plain;
    change(config);
    all.push_back({name, config});
  };
  add("defaults", [](auto&) {});
  add("without bias", [](auto& config) { config.bias = false; });
  add("dropout", [](auto& config) { config.dropout = 0.4; });
  if (Cell::kHasC) add("projection", [](auto& config) { config.projection = 2; });
  add("layer norm", [](auto& config) { config.layer_norm = true; });
  add("learned initial state", [](auto& config) { config.learned_initial_state = true; });
  add("weight dropout", [](auto& config) { config.weight_dropout = 0.3; });
  add("recurrent dropout", [](auto& config) { config.recurrent_dropout = 0.3; });
  add("zoneout of h", [](auto& config) { config.zoneout_h = 0.3; });
  if (Cell::kHasC) add("zoneout of c", [](auto& config) { config.zoneout_c = 0.4; });
  add("all options", [](auto& config) {
    config.hidden = 5;
    config.dropout = config.weight_dropout = config.recurrent_dropout = config.zoneout_h = 0.2;
    config.zoneout_c = Cell::kHasC ? 0.3 : 0;
    config.projection = Cell::kHasC ? 4 : 0;
    config.layer_norm = true;
    config.learned_initial_state = true;
  });
  return all;
}

/// For batches of 3 sequences and 5 steps: dense; longest first, none of length T; unsorted; each with an empty
/// sequence.
inline const std::vector<std::vector<rondo::Index>> kLengths = {{}, {4, 3, 0}, {3, 0, 5}};

/// Calls check(config, lengths) for all of them.
template <class Cell, class Check>
void for_each_option(Check&& check) {
  for (const RecurrentOption& option : recurrent_options<Cell>())
    for (const auto& lengths : kLengths)
      for (bool bidirectional : {false, true}) {
        rondo::RecurrentConfig config = option.config;
        config.bidirectional = bidirectional;
        std::string text = lengths.empty() ? "dense" : "lengths";
        for (rondo::Index length : lengths) text.append(" ").append(std::to_string(length));
        INFO(Cell::kName << ", " << option.name << ", " << (bidirectional ? "bidirectional, " : "") << text);
        check(config, lengths);
      }
}

}  // namespace rondo_test
