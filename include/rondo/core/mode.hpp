// SPDX-License-Identifier: MIT
// Mode of a forward pass. Models with dropout behave differently in training, so every forward pass takes a Mode and
// there is no default.
#pragma once

#include <rondo/core/random.hpp>

namespace rondo::inline RONDO_ABI {

/// Inference mode: dropout, zoneout and weight dropout are off.
struct Inference {};

/// Training mode: dropout, zoneout and weight dropout draw their masks from `rng`, which advances.
struct Training {
  Rng& rng;  ///< source of the masks; must outlive the forward pass
};

/// Training or Inference.
///
/// @code
/// model.forward(x, state, cache, rondo::Training{rng});  // dropout masks are drawn from rng
/// model.forward(x, state, cache, rondo::Inference{});    // no dropout
/// @endcode
class Mode {
 public:
  Mode(Inference) {}                                 ///< inference
  Mode(Training training) : rng_(&training.rng) {}   ///< training
  bool training() const { return rng_ != nullptr; }  ///< whether this is training mode

  /// Generator of the masks. Training mode only.
  Rng& rng() const { return *rng_; }

 private:
  Rng* rng_ = nullptr;
};

}  // namespace rondo::inline RONDO_ABI
