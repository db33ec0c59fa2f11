// SPDX-License-Identifier: MIT
// Dropout (Srivastava et al. 2014), inverted: in training each value is zeroed with probability p and the others are
// scaled by 1/(1-p), so that nothing need be done afterwards. Fresh masks at every step of the sequence.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/recurrent_stack.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/sum_of_parts.hpp>

#include <cstdint>
#include <type_traits>
#include <utility>

namespace rondo::inline v0 {

namespace detail {

template <class... Views>
bool all_contiguous(const Views&... a) {
  return ((a.stride == a.rows) && ...);
}

}  // namespace detail

/// mask's values become 0 with probability p, else 1/(1-p); y = x * mask. Each value takes one number of the generator,
/// in their order.
template <class Scalar>
void dropout_forward(Cpu, double p, Rng& rng, MatrixView<const Scalar> x, MatrixView<Scalar> mask,
                     MatrixView<Scalar> y) {
  const auto threshold = static_cast<std::uint32_t>(p * 0x1p32);
  const auto kept = static_cast<Scalar>(1 / (1 - p));
  if constexpr (std::is_same_v<Scalar, float>)
    if (const detail::Kernels* fast = detail::kernels(); fast && detail::all_contiguous(x, mask, y)) {
      const Rng::State from = rng.state();
      const auto draw = [&](Index first, Index last) {
        const detail::DropoutDraw numbers{from.seed, from.stream, from.drawn + static_cast<std::uint64_t>(first),
                                          threshold, kept};
        fast->elementwise.dropout(numbers, last - first, x.data + first, mask.data + first, y.data + first);
      };
      const Index size = x.rows * x.cols;
      detail::for_each_share(size, 64, size, draw);
      rng = Rng({from.seed, from.stream, from.drawn + static_cast<std::uint64_t>(size)});
      return;
    }
  for (Index j = 0; j < x.cols; ++j)
    for (Index i = 0; i < x.rows; ++i) mask(i, j) = rng() < threshold ? Scalar(0) : kept;
  array(y) = array(x) * array(mask);
}

/// d *= mask: the gradient of y becomes that of x.
template <class Scalar>
void dropout_backward(Cpu, ConstView<Scalar> mask, MatrixView<Scalar> d) {
  array(d) *= array(mask);
}

/// Draws a mask alone, of the shape that it has. `scratch` is kept between calls.
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

}  // namespace rondo::inline v0
