// SPDX-License-Identifier: MIT
// One recurrent layer over a sequence on the CPU, in one direction. In float on a machine with AVX2 or AVX-512 the
// cells that have a packed pass (packed_*.hpp) use it; all else uses the plain pass (recurrent_plain.hpp), which is the
// one to read. Legend: C input features, H hidden units, P outputs, B batch, T time steps.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/operations.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/input.hpp>
#include <rondo/recurrent/steps.hpp>
#include <rondo/recurrent/weights.hpp>

namespace rondo::inline RONDO_ABI {

/// Which pass runs such a layer: "packed" or "plain".
template <class Cell, class Scalar>
const char* recurrent_path(Cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w);

/// y (P x B x T) from x and the state in cache.h0 and cache.c0; cache's buffers have their shapes. Zeros in padding.
template <class Cell, class Scalar>
void recurrent_forward(Cpu cpu, Cell cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                       const RecurrentInput<Scalar>& x, SequenceView<Scalar> y, RecurrentCache<Scalar>& cache);

/// All gradients, given dy = dL/dy (P x B x T); y, x and cache are those of the forward pass. dh_end (P x B), dc_end
/// (H x B): on entry the gradients of the final state, on return those of the initial state. Adds to grad; writes the
/// input gradient that `to` asks for.
template <class Cell, class Scalar>
void recurrent_backward(Cpu cpu, Cell cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                        const RecurrentInput<Scalar>& x, SequenceView<Scalar> y, SequenceView<const Scalar> dy,
                        RecurrentCache<Scalar>& cache, const RecurrentWeights<Scalar>& grad, MatrixView<Scalar> dh_end,
                        MatrixView<Scalar> dc_end, const RecurrentInputGradient<Scalar>& to);

/// The state after each sequence's last step: h (P x B), c (H x B).
template <class Cell, class Scalar>
void recurrent_final_state(Cpu, Cell, Direction direction, SequenceView<const Scalar> y,
                           const RecurrentCache<Scalar>& cache, MatrixView<Scalar> h, MatrixView<Scalar> c);

/// One step without memory for backward: x is C x B; h (P x B) and c (H x B) become the next state, bit-identical to
/// that of recurrent_forward.
template <class Cell, class Scalar>
void recurrent_step(Cpu cpu, Cell cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                    MatrixView<const Scalar> x, MatrixView<Scalar> h, MatrixView<Scalar> c,
                    StepScratch<Scalar, Cpu>& scratch);

/// f(d) for each direction of a layer. (A backend may run them at the same time.)
template <class F>
void run_directions(Cpu, Index directions, F&& f) {
  for (Index d = 0; d < directions; ++d) f(d);
}

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/recurrent.inl>
#endif
