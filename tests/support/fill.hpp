// SPDX-License-Identifier: MIT
// Test data: tensors of random numbers from a seed.
#pragma once

#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/layers/initialise.hpp>
#include <rondo/layers/lstm.hpp>

namespace rondo_test {

template <class Scalar>
rondo::Sequence<Scalar> random_sequence(rondo::Index features, rondo::Index batch, rondo::Index time, rondo::Rng& rng) {
  rondo::Sequence<Scalar> s(features, batch, time);
  rondo::initialise_normal(s.flat(), 1, rng);
  return s;
}

/// A non-zero state, so that the weights that multiply it (R, the forget gate) have an influence on every gradient.
template <class Cell, class Scalar>
rondo::RecurrentState<Scalar> random_state(const rondo::Recurrent<Cell, Scalar>& network, rondo::Index batch,
                                           rondo::Rng& rng) {
  auto state = network.zero_state(batch);
  rondo::initialise_uniform(state.h.flat(), 0.9, rng);
  rondo::initialise_normal(state.c.flat(), 1, rng);
  return state;
}

/// All weights and biases normal with standard deviation 0.5: no gate stays near its value at zero, no bias is zero.
template <class Model>
void randomise(Model& model, rondo::Rng& rng) {
  model.for_each_parameter([&](const rondo::Path&, auto& p) { rondo::initialise_normal(p.value(), 0.5, rng); });
}

}  // namespace rondo_test
