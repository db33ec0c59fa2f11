// SPDX-License-Identifier: MIT
// Settings of dynamic evaluation: how a model goes on learning from the music that it reads.
#pragma once

namespace piano {

/// The defaults suit a regularised model of two minutes of training; `piano train` tunes them for its own.
struct AdaptationSettings {
  int window = 32;              ///< tokens between two steps of the optimiser
  double learning_rate = 5e-4;  ///< of Adam without a first moment
  double pull = 0.001;          ///< fraction of the way back to the trained weights after each step, in [0, 1]

  static constexpr double kBeta2 = 0.99;  ///< Adam's decay rate of squared gradients
  static constexpr double kClip = 1;      ///< largest norm of the gradient
};

}  // namespace piano
