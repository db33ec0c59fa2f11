// SPDX-License-Identifier: MIT
// Dropout (Srivastava et al. 2014), inverted: in training each value is zeroed with probability p and the others are
// scaled by 1/(1-p), so that nothing need be done afterwards. Fresh masks at every step of the sequence.
#pragma once

#include <rondo/core/dropout_cache.hpp>
#include <rondo/core/error.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/cpu/dropout.hpp>

#include <utility>

namespace rondo::inline RONDO_ABI {

/// Draws a mask alone, of the shape that it has. `scratch` is reused between calls.
template <class Scalar, class Device>
void draw_mask(double p, Rng& rng, Sequence<Scalar, Device>& mask, Sequence<Scalar, Device>& scratch) {
  scratch.resize(mask.features(), mask.batch(), mask.time());
  fill(Device{}, scratch.flat(), 1);
  dropout_forward(Device{}, p, rng, std::as_const(scratch).flat(), mask.flat(), scratch.flat());
}

/// Drops with probability p in [0, 1), else throws shape_error. Returns cache.y.
template <class Scalar, class Device>
const Sequence<Scalar, Device>& dropout(const Sequence<Scalar, Device>& x, double p, Rng& rng,
                                        DropoutCache<Scalar, Device>& cache) {
  require_shape(0 <= p && p < 1, "dropout: p is ", p, ", wanted [0, 1)");
  cache.mask.resize_like(x, x.features());
  cache.y.resize_like(x, x.features());
  dropout_forward(Device{}, p, rng, x.flat(), cache.mask.flat(), cache.y.flat());
  return cache.y;
}

/// The gradient of cache.y becomes that of x, in place. Throws shape_error unless d has the shape of the mask.
template <class Scalar, class Device>
void dropout_backward(const DropoutCache<Scalar, Device>& cache, Sequence<Scalar, Device>& d) {
  const auto& mask = cache.mask;
  require_shape(d.features() == mask.features() && d.batch() == mask.batch() && d.time() == mask.time(),
                "dropout_backward: d is ", d.shape(), ", the mask is ", mask.shape());
  dropout_backward(Device{}, mask.flat(), d.flat());
}

}  // namespace rondo::inline RONDO_ABI
