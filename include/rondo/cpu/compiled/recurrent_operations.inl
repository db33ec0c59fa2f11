// SPDX-License-Identifier: MIT
// The CPU operations of one cell, for explicit instantiation.
#pragma once

#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/recurrent.inl>
#include <rondo/cpu/recurrent_inference.hpp>
#include <rondo/cpu/recurrent_inference.inl>
#include <rondo/cpu/streaming.hpp>
#include <rondo/cpu/streaming.inl>

namespace rondo::inline RONDO_ABI::detail {

/// An explicit instantiation instantiates the functions whose addresses are taken.
template <class Cell, class Scalar>
struct RecurrentOperations {
  static constexpr auto kPath = recurrent_path<Cell, Scalar>;
  static constexpr auto kForward = recurrent_forward<Cell, Scalar>;
  static constexpr auto kBackward = recurrent_backward<Cell, Scalar>;
  static constexpr auto kFinalState = recurrent_final_state<Cell, Scalar>;
  static constexpr auto kStep = recurrent_step<Cell, Scalar>;
  static constexpr auto kPrepareInference = recurrent_prepare_inference<Cell, Scalar>;
  static constexpr auto kInfer = recurrent_infer<Cell, Scalar>;
};

}  // namespace rondo::inline RONDO_ABI::detail
