// SPDX-License-Identifier: MIT
// What a recurrent network is made like, whatever its cell.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>

namespace rondo::inline RONDO_ABI {

struct RecurrentConfig {
  Index input = 0;             // C
  Index hidden = 0;            // H
  Index layers = 1;            // L
  bool bidirectional = false;  // a second pass from each sequence's end; its outputs stand below those of the first
  bool bias = true;
  Index projection = 0;     // P, of cells with a state c: h = a learned P x H matrix times o * tanh(c); 0: none, P = H
  bool layer_norm = false;  // of W x, R h and c (Ba, Kiros, Hinton 2016)
  bool learned_initial_state = false;   // Recurrent::initial_state is a parameter instead of zeros
  double dropout = 0;                   // probability, between layers, in [0, 1)
  double zoneout_h = 0, zoneout_c = 0;  // probability that a unit keeps its state (Krueger et al. 2017)
  double recurrent_dropout = 0;         // of h on its way to R, one mask a sequence (Gal and Ghahramani 2016)
  double weight_dropout = 0;  // of R, one mask a forward pass (DropConnect: Wan et al. 2013; Merity et al. 2018)
  double forget_bias = 1;     // where the forget gate's bias starts, of cells that have one
  Precision precision = Precision::fp32;

  Index directions() const { return bidirectional ? 2 : 1; }             // D
  Index output() const { return projection > 0 ? projection : hidden; }  // P, of one direction

  /// Whether a layer draws masks of its own in training.
  bool drops_within_layers() const {
    return zoneout_h > 0 || zoneout_c > 0 || recurrent_dropout > 0 || weight_dropout > 0;
  }

  /// Throws shape_error unless sizes are positive, 0 <= projection < H and probabilities in [0, 1).
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
