// SPDX-License-Identifier: MIT
// Gru: the recurrent network of GRU cells, torch.nn.GRU. See recurrent.hpp.
#pragma once

#include <rondo/layers/inference.hpp>
#include <rondo/layers/recurrent.hpp>
#include <rondo/layers/streaming.hpp>
#include <rondo/math/cells/gru.hpp>

namespace rondo::inline RONDO_ABI {

template <class Scalar, class Device = Cpu>
using Gru = Recurrent<GruCell, Scalar, Device>;

template <class Scalar, class Device = Cpu>
using InferenceGru = InferenceRecurrent<GruCell, Scalar, Device>;

template <class Scalar, Index C = kDynamic, Index H = kDynamic>
using StreamingGru = StreamingRecurrent<GruCell, Scalar, C, H>;

}  // namespace rondo::inline RONDO_ABI
