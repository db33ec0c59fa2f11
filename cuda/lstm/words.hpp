// SPDX-License-Identifier: MIT
// Factors of products in 16 bits, and other small things that the passes do to whole matrices.
#pragma once

#include <rondo/core/view.hpp>

#include <cstdint>

namespace rondo::inline v0::cuda {

/// words (contiguous) = a, rounded to fp16 or else bf16.
void round_to_words(MatrixView<const float> a, bool fp16, std::uint16_t* words);

/// to = from, steps of B columns each, with zeros in the padding.
template <class Scalar>
void copy_active(MatrixView<const Scalar> from, Index B, const std::int32_t* lengths, MatrixView<Scalar> to);

/// h, c (H x B) = y, cells (H x B x T) at each sequence's last step, or h0, c0 where it has none.
template <class Scalar>
void gather_final_state(Index H, Index B, Index T, const std::int32_t* lengths, const Scalar* y, const Scalar* cells,
                        const Scalar* h0, const Scalar* c0, MatrixView<Scalar> h, MatrixView<Scalar> c);

}  // namespace rondo::inline v0::cuda
