// SPDX-License-Identifier: MIT
// One LSTM layer over a sequence on the CPU: which pass runs. In float, where the machine has AVX2 or AVX-512, the
// packed one (lstm_packed.hpp); in double and elsewhere the plain one (lstm_plain.hpp), which is the text to read.
#pragma once

#include <rondo/cpu/lstm_packed.hpp>
#include <rondo/cpu/lstm_plain.hpp>

#include <type_traits>

namespace rondo::inline v0 {

/// cache.h0 and cache.c0 hold the state before the first step, and cache's buffers have their shapes. Writes gates, c,
/// tanh_c and y; zeros in padding.
template <class Scalar>
void lstm_forward(Cpu cpu, const LstmWeights<const Scalar>& w, const Sequence<Scalar>& x,
                  LstmLayerCache<Scalar>& cache) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (const detail::Kernels* k = detail::kernels()) return detail::lstm_forward_packed(*k, w, x, cache);
  lstm_forward_plain(cpu, w, x, cache);
}

/// Gradients of everything, given dy = dL/dy (H x B x T). dh_end and dc_end (H x B) come in as the gradients of the
/// final state and leave as those of the initial state. Adds to grad; writes dx unless it is null.
template <class Scalar>
void lstm_backward(Cpu cpu, const LstmWeights<const Scalar>& w, const Sequence<Scalar>& x, const Sequence<Scalar>& dy,
                   LstmLayerCache<Scalar>& cache, const LstmWeights<Scalar>& grad, MatrixView<Scalar> dh_end,
                   MatrixView<Scalar> dc_end, Sequence<Scalar>* dx) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (const detail::Kernels* k = detail::kernels())
      return detail::lstm_backward_packed(*k, w, x, dy, cache, grad, dh_end, dc_end, dx);
  lstm_backward_plain(cpu, w, x, dy, cache, grad, dh_end, dc_end, dx);
}

}  // namespace rondo::inline v0
