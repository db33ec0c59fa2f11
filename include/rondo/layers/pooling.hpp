// SPDX-License-Identifier: MIT
// Pooling over time, for models that have one output for a whole sequence (many-to-one): the last step, or the mean of
// all. Both keep to the lengths of a ragged batch: padding has no part in them, and a sequence of length 0 gives zeros.
//
//   last_step(y, last);                            // P x B x 1, where y = lstm.forward(...)
//   fc.forward(last, out);                         // then a loss, whose gradient comes back:
//   fc.backward(last, d_out, &d_last);
//   last_step_backward(y, d_last, dy);             // P x B x T, for lstm.backward
//
// Legend: P features, B batch, T time steps.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/cpu/pooling.hpp>

#include <type_traits>

namespace rondo::inline RONDO_ABI {

namespace detail {

template <class Scalar, class Device>
void require_pooled(const char* who, const char* what, const Sequence<Scalar, Device>& y, ConstView<Scalar> pooled) {
  require_shape(pooled.rows == y.features() && pooled.cols == y.batch(), who, ": ", what, " is ", pooled.rows, " x ",
                pooled.cols, " (P x B), y is ", y.shape());
}

template <class Scalar, class Device>
MatrixView<const Scalar> one_step(const char* who, const Sequence<Scalar, Device>& d_out) {
  require_shape(d_out.time() == 1, who, ": d_out is ", d_out.shape(), ", wanted one step, T = 1");
  return d_out.flat();
}

inline void require_reverse_rows(const char* who, Index reverse_rows, Index rows) {
  require_shape(0 <= reverse_rows && reverse_rows <= rows, who, ": ", reverse_rows, " reverse rows of P = ", rows);
}

}  // namespace detail

/// Of each sequence the last step: out (P x B) = y(:, b, length(b) - 1). In the output of a bidirectional layer the
/// last `reverse_rows` rows belong to the direction that runs backwards, whose last step is t = 0: with its size there,
/// out holds what both directions end with. Throws shape_error.
template <class Scalar, class Device>
void last_step(const Sequence<Scalar, Device>& y, MatrixView<std::type_identity_t<Scalar>> out,
               Index reverse_rows = 0) {
  detail::require_pooled<Scalar>("last_step", "out", y, out);
  detail::require_reverse_rows("last_step", reverse_rows, y.features());
  last_step_forward(Device{}, y.flat(), y.lengths(), reverse_rows, out);
}

/// The same; out becomes P x B x 1.
template <class Scalar, class Device>
void last_step(const Sequence<Scalar, Device>& y, std::type_identity_t<Sequence<Scalar, Device>>& out,
               Index reverse_rows = 0) {
  out.resize(y.features(), y.batch(), 1);
  last_step(y, out.flat(), reverse_rows);
}

/// dy becomes P x B x T: d_out (P x B) at the steps that last_step took, zero at all others. Of y only shape and
/// lengths are looked at; reverse_rows is that of the forward pass.
template <class Scalar, class Device>
void last_step_backward(const Sequence<Scalar, Device>& y, ConstView<Scalar> d_out,
                        std::type_identity_t<Sequence<Scalar, Device>>& dy, Index reverse_rows = 0) {
  detail::require_pooled("last_step_backward", "d_out", y, d_out);
  detail::require_reverse_rows("last_step_backward", reverse_rows, y.features());
  dy.resize_like(y, y.features());
  last_step_backward(Device{}, d_out, y.lengths(), reverse_rows, dy.flat());
}

/// The same with d_out P x B x 1.
template <class Scalar, class Device>
void last_step_backward(const Sequence<Scalar, Device>& y, const std::type_identity_t<Sequence<Scalar, Device>>& d_out,
                        std::type_identity_t<Sequence<Scalar, Device>>& dy, Index reverse_rows = 0) {
  last_step_backward(y, detail::one_step("last_step_backward", d_out), dy, reverse_rows);
}

/// Of each sequence the mean of its steps: out (P x B) = the sum of y(:, b, t) over t < length(b), over length(b).
/// Throws shape_error.
template <class Scalar, class Device>
void mean_over_time(const Sequence<Scalar, Device>& y, MatrixView<std::type_identity_t<Scalar>> out) {
  detail::require_pooled<Scalar>("mean_over_time", "out", y, out);
  mean_over_time_forward(Device{}, y.flat(), y.lengths(), out);
}

/// The same; out becomes P x B x 1.
template <class Scalar, class Device>
void mean_over_time(const Sequence<Scalar, Device>& y, std::type_identity_t<Sequence<Scalar, Device>>& out) {
  out.resize(y.features(), y.batch(), 1);
  mean_over_time(y, out.flat());
}

/// dy becomes P x B x T: d_out (P x B) over length(b) at every step, zero in padding. Of y only shape and lengths are
/// looked at.
template <class Scalar, class Device>
void mean_over_time_backward(const Sequence<Scalar, Device>& y, ConstView<Scalar> d_out,
                             std::type_identity_t<Sequence<Scalar, Device>>& dy) {
  detail::require_pooled("mean_over_time_backward", "d_out", y, d_out);
  dy.resize_like(y, y.features());
  mean_over_time_backward(Device{}, d_out, y.lengths(), dy.flat());
}

/// The same with d_out P x B x 1.
template <class Scalar, class Device>
void mean_over_time_backward(const Sequence<Scalar, Device>& y,
                             const std::type_identity_t<Sequence<Scalar, Device>>& d_out,
                             std::type_identity_t<Sequence<Scalar, Device>>& dy) {
  mean_over_time_backward(y, detail::one_step("mean_over_time_backward", d_out), dy);
}

}  // namespace rondo::inline RONDO_ABI
