// SPDX-License-Identifier: MIT
// Inverted dropout (Srivastava et al. 2014): in training each value is zeroed with probability p and the others are
// scaled by 1/(1-p), so inference needs no scaling. Masks are drawn independently at every step of the sequence.
#pragma once

#include <rondo/core/dropout_cache.hpp>
#include <rondo/core/error.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/cpu/dropout.hpp>

#include <utility>

namespace rondo::inline RONDO_ABI {

/// Draws a dropout mask of the shape of `mask`, values 0 or 1/(1-p). `scratch` is reused between calls.
template <class Scalar, class Device>
void draw_mask(double p, Rng& rng, Sequence<Scalar, Device>& mask, Sequence<Scalar, Device>& scratch) {
  scratch.resize(mask.features(), mask.batch(), mask.time());
  fill(Device{}, scratch.flat(), 1);
  dropout_forward(Device{}, p, rng, std::as_const(scratch).flat(), mask.flat(), scratch.flat());
}

/// Dropout of x (C x B x T) with probability p. Returns cache.y, C x B x T. Throws shape_error unless p is in [0, 1).
template <class Scalar, class Device>
const Sequence<Scalar, Device>& dropout(const Sequence<Scalar, Device>& x, double p, Rng& rng,
                                        DropoutCache<Scalar, Device>& cache) {
  require_shape(0 <= p && p < 1, "dropout: p is ", p, ", wanted [0, 1)");
  cache.mask.resize_like(x, x.features());
  cache.y.resize_like(x, x.features());
  dropout_forward(Device{}, p, rng, x.flat(), cache.mask.flat(), cache.y.flat());
  return cache.y;
}

/// d, in/out: the gradient of cache.y on entry, that of x on return. Throws shape_error unless d has the shape of the
/// mask.
template <class Scalar, class Device>
void dropout_backward(const DropoutCache<Scalar, Device>& cache, Sequence<Scalar, Device>& d) {
  const auto& mask = cache.mask;
  require_shape(d.features() == mask.features() && d.batch() == mask.batch() && d.time() == mask.time(),
                "dropout_backward: d is ", d.shape(), ", the mask is ", mask.shape());
  dropout_backward(Device{}, mask.flat(), d.flat());
}

}  // namespace rondo::inline RONDO_ABI
