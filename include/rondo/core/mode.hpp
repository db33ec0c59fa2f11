// SPDX-License-Identifier: MIT
// What a forward pass is for. A model that drops in training must be told which it is, so every forward pass that can
// drop takes a Mode, and there is no default to forget:
//
//   model.forward(x, state, cache, Training{rng});     // masks are drawn from rng
//   model.forward(x, state, cache, Inference{});       // nothing is dropped
#pragma once

#include <rondo/core/random.hpp>

namespace rondo::inline RONDO_ABI {

/// Dropout and its relatives are off.
struct Inference {};

/// They draw their masks from `rng`, which moves on.
struct Training {
  Rng& rng;
};

class Mode {
 public:
  Mode(Inference) {}
  Mode(Training training) : rng_(&training.rng) {}

  bool training() const { return rng_ != nullptr; }
  /// Only while training.
  Rng& rng() const { return *rng_; }

 private:
  Rng* rng_ = nullptr;
};

}  // namespace rondo::inline RONDO_ABI
