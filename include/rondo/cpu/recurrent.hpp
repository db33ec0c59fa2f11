// SPDX-License-Identifier: MIT
// One recurrent layer over a sequence on the CPU, in one direction. There are two implementations. The packed pass
// (packed_*.hpp) has fused kernels and threads; it runs in float on machines with AVX2 or AVX-512, for cells and
// options that it supports. The plain pass (recurrent_plain.hpp) runs in all other cases and is the easier one to read.
// Legend: C input features, H hidden units, P outputs, B batch, T time steps.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/operations.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/input.hpp>
#include <rondo/recurrent/steps.hpp>
#include <rondo/recurrent/weights.hpp>

namespace rondo::inline RONDO_ABI {

/// The implementation that runs a layer with these options and weights: "packed" or "plain".
template <class Cell, class Scalar>
const char* recurrent_path(Cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w);

/// Computes y (P x B x T) from x and the initial state in cache.h0 and cache.c0. The buffers of `cache` must have been
/// resized. y is zero in padding.
template <class Cell, class Scalar>
void recurrent_forward(Cpu cpu, Cell cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                       const RecurrentInput<Scalar>& x, SequenceView<Scalar> y, RecurrentCache<Scalar>& cache);

/// Computes all gradients from dy = dL/dy (P x B x T). x, y and cache are those of the forward pass. dh_end (P x B),
/// dc_end (H x B): on entry the gradients of the final state, on return those of the initial state. Adds to grad.
/// Writes the input gradient to the destinations in `to`, if there are any. Throws shape_error if the cache is from a
/// pass with another type of input or by the other implementation.
template <class Cell, class Scalar>
void recurrent_backward(Cpu cpu, Cell cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                        const RecurrentInput<Scalar>& x, SequenceView<Scalar> y, SequenceView<const Scalar> dy,
                        RecurrentCache<Scalar>& cache, const RecurrentWeights<Scalar>& grad, MatrixView<Scalar> dh_end,
                        MatrixView<Scalar> dc_end, const RecurrentInputGradient<Scalar>& to);

/// Writes the state after each sequence's last step: h (P x B), c (H x B).
template <class Cell, class Scalar>
void recurrent_final_state(Cpu, Cell, Direction direction, SequenceView<const Scalar> y,
                           const RecurrentCache<Scalar>& cache, MatrixView<Scalar> h, MatrixView<Scalar> c);

/// One step for inference: saves nothing for the backward pass. x: C x B; h (P x B) and c (H x B) become the next
/// state, bit-identical to that of recurrent_forward.
template <class Cell, class Scalar>
void recurrent_step(Cpu cpu, Cell cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                    MatrixView<const Scalar> x, MatrixView<Scalar> h, MatrixView<Scalar> c,
                    StepScratch<Scalar, Cpu>& scratch);

/// Calls f(d) for each direction d of a layer. Other backends may run the directions concurrently.
template <class F>
void run_directions(Cpu, Index directions, F&& f) {
  for (Index d = 0; d < directions; ++d) f(d);
}

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/recurrent.inl>
#endif
