// SPDX-License-Identifier: MIT
// What the CPU's passes work in. The plain pass and the packed one each have their own; the other's stays empty.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/lstm_cache.hpp>
#include <rondo/cpu/gemm.hpp>

namespace rondo::inline v0 {

template <class Scalar>
struct LstmWorkspace<Scalar, Cpu> {
  struct Plain {
    PackedMatrix<Scalar, Cpu> R;             // the recurrent weights, made ready for T products
    PackedMatrix<Scalar, Cpu> R_transposed;  // the same for backward
    Sequence<Scalar> dz;                     // 4H x B x T  gradients of the pre-activations
    Sequence<Scalar> dh;                     // H x B x 1   what step t+1 passes down to step t
    Sequence<Scalar> dc;                     // H x B x 1
    Sequence<Scalar> dh_total;               // H x B x 1   dh and the gradient from the layer above
  } plain;

  struct Packed {
    Buffer<float> W, R;                        // in panels of gates
    Buffer<float> W_transposed, R_transposed;  // in panels of rows
    Buffer<float> dz;                          // 4H x B x steps of two chunks
    Buffer<float> dh, dc;                      // H x B
  } packed;
};

}  // namespace rondo::inline v0
