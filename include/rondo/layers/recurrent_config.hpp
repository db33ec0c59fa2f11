// SPDX-License-Identifier: MIT
// What a recurrent network is made like, whatever its cell.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>

namespace rondo::inline v0 {

struct RecurrentConfig {
  Index input = 0;             // C
  Index hidden = 0;            // H
  Index layers = 1;            // L
  bool bidirectional = false;  // a second pass from each sequence's end; its outputs stand below those of the first
  bool bias = true;
  Index projection = 0;    // P, of cells with a state c: h = a learned P x H matrix times o * tanh(c); 0: none, P = H
  double dropout = 0;      // probability, between layers, in [0, 1)
  double forget_bias = 1;  // where the forget gate's bias starts, of cells that have one
  Precision precision = Precision::fp32;

  Index directions() const { return bidirectional ? 2 : 1; }             // D
  Index output() const { return projection > 0 ? projection : hidden; }  // P, of one direction

  /// Throws shape_error unless sizes are positive, 0 <= projection < H and probabilities in [0, 1).
  void check(const char* who) const {
    require_shape(input > 0 && hidden > 0 && layers > 0, who, ": C = ", input, ", H = ", hidden, ", L = ", layers,
                  ", wanted positive numbers");
    require_shape(0 <= projection && projection < hidden, who, ": projection is ", projection,
                  ", wanted less than H = ", hidden);
    require_shape(0 <= dropout && dropout < 1, who, ": dropout is ", dropout, ", wanted [0, 1)");
  }
};

}  // namespace rondo::inline v0
