// SPDX-License-Identifier: MIT
// Names that the C++ blocks of docs/ use without declaring them. This code is compiled, not run.
#pragma once

#include <rondo/io/checkpoint.hpp>
#include <rondo/music.hpp>
#include <rondo/rondo.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

using namespace rondo;

struct Names {
  static constexpr Index B = 4;
  Rng rng{1};
  Lstm<float> lstm{{.input = 1, .hidden = 16}, rng};
  Linear<float> fc{16, 1, rng}, head{16, 1, rng};
  Embedding<float> embedding{8, 1, rng};
  Adam adam;

  Lstm<float>::Cache cache;
  Lstm<float>::Scratch scratch;
  LstmState<float> state, d_state;
  Sequence<float> x, target, last, out, d_out, d_last, dy;
  MatrixView<const float> x_now;
  std::array<float, 1> sample_in = {};

  music::PedalMode mode = music::PedalMode::tokens;
  std::vector<music::Token> primer, tokens;
  std::span<const float> logits;
  static music::Token sample(std::span<const float>, std::span<const std::uint8_t>) { return {}; }
};
