// SPDX-License-Identifier: MIT
// Several LSTM layers at once on a GPU: see Context::set_wavefront. States and their gradients are H x B x L.
#pragma once

#include <rondo/core/lstm_stack.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/recurrent_input.hpp>
#include <rondo/cuda/lstm.hpp>

namespace rondo::inline v0 {

template <>
inline constexpr bool kRunsLayersTogether<Cuda> = true;

bool layers_run_together(Cuda, Index layers);

/// As LstmLayer::forward of each layer upon the other, with dropout between them where there is a generator. h and c
/// move to each sequence's end; the top layer's outputs are in its cache.
template <class Scalar>
void lstm_stack_forward(Cuda, const LstmStack<Scalar, Cuda>& stack, const Sequence<Scalar, Cuda>& x,
                        Sequence<Scalar, Cuda>& h, Sequence<Scalar, Cuda>& c, Rng* dropout_rng);
template <class Scalar>
void lstm_stack_forward(Cuda, const LstmStack<Scalar, Cuda>& stack, const TokenInput<Scalar, Cuda>& x,
                        Sequence<Scalar, Cuda>& h, Sequence<Scalar, Cuda>& c, Rng* dropout_rng);

/// As LstmLayer::backward of each layer, the top one first. dx is written unless it is null.
template <class Scalar>
void lstm_stack_backward(Cuda, const LstmStack<Scalar, Cuda>& stack, const Sequence<Scalar, Cuda>& x,
                         const Sequence<Scalar, Cuda>& dy, Sequence<Scalar, Cuda>& dh, Sequence<Scalar, Cuda>& dc,
                         Sequence<Scalar, Cuda>* dx);
/// Adds to dE (D x V).
template <class Scalar>
void lstm_stack_backward(Cuda, const LstmStack<Scalar, Cuda>& stack, const TokenInput<Scalar, Cuda>& x,
                         const Sequence<Scalar, Cuda>& dy, Sequence<Scalar, Cuda>& dh, Sequence<Scalar, Cuda>& dc,
                         MatrixView<Scalar> dE);

}  // namespace rondo::inline v0
