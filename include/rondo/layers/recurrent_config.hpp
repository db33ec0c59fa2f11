// SPDX-License-Identifier: MIT
// Configuration of a recurrent network, for all cells.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>

namespace rondo::inline RONDO_ABI {

/// Configuration of a recurrent network.
///
/// @code
/// rondo::Lstm<float> lstm({.input = 88, .hidden = 256, .layers = 2, .dropout = 0.1}, rng);
/// @endcode
struct RecurrentConfig {
  Index input = 0;             ///< C
  Index hidden = 0;            ///< H
  Index layers = 1;            ///< L
  bool bidirectional = false;  ///< adds a reverse direction; its outputs are rows P..2P-1
  bool bias = true;            ///< whether layers have biases
  /// P, for cells with c: h = Q o tanh(c) with a trained P x H matrix Q (Sak, Senior, Beaufays 2014); 0: none, P = H
  Index projection = 0;
  bool layer_norm = false;             ///< of W x, R h and c (Ba, Kiros, Hinton 2016)
  bool learned_initial_state = false;  ///< Recurrent::initial_state is trained instead of zero
  double dropout = 0;                  ///< probability, between layers, in [0, 1)
  double zoneout_h = 0;                ///< probability that a unit keeps its h, in [0, 1) (Krueger et al. 2017)
  double zoneout_c = 0;                ///< probability that a unit keeps its c, in [0, 1), for cells with c
  double recurrent_dropout = 0;  ///< of h(t-1) before R, one mask per sequence, in [0, 1) (Gal and Ghahramani 2016)
  /// of R, one mask per forward pass, in [0, 1) (DropConnect: Wan et al. 2013; Merity et al. 2018)
  double weight_dropout = 0;
  double forget_bias = 1;                 ///< initial bias of the forget gate, for cells that have one
  Precision precision = Precision::fp32;  ///< of the matrix products

  Index directions() const { return bidirectional ? 2 : 1; }             ///< D
  Index output() const { return projection > 0 ? projection : hidden; }  ///< P, of one direction

  /// Whether a layer draws masks in training: zoneout, recurrent dropout or weight dropout.
  bool drops_within_layers() const {
    return zoneout_h > 0 || zoneout_c > 0 || recurrent_dropout > 0 || weight_dropout > 0;
  }

  /// Throws shape_error, with `who` in the message, unless sizes are positive, 0 <= projection < H and probabilities in
  /// [0, 1).
  void check(const char* who) const {
    require_shape(input > 0 && hidden > 0 && layers > 0, who, ": C = ", input, ", H = ", hidden, ", L = ", layers,
                  ", wanted positive numbers");
    require_shape(0 <= projection && projection < hidden, who, ": projection is ", projection,
                  ", wanted less than H = ", hidden);
    require_shape(0 <= dropout && dropout < 1, who, ": dropout is ", dropout, ", wanted [0, 1)");
    require_shape(0 <= zoneout_h && zoneout_h < 1 && 0 <= zoneout_c && zoneout_c < 1, who, ": zoneout_h is ", zoneout_h,
                  ", zoneout_c is ", zoneout_c, ", wanted [0, 1)");
    require_shape(0 <= recurrent_dropout && recurrent_dropout < 1, who, ": recurrent_dropout is ", recurrent_dropout,
                  ", wanted [0, 1)");
    require_shape(0 <= weight_dropout && weight_dropout < 1, who, ": weight_dropout is ", weight_dropout,
                  ", wanted [0, 1)");
  }
};

}  // namespace rondo::inline RONDO_ABI
