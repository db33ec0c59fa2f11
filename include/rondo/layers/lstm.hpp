// SPDX-License-Identifier: MIT
// Lstm: the recurrent network of LSTM cells. See recurrent.hpp.
#pragma once

#include <rondo/layers/recurrent.hpp>
#include <rondo/math/cells/lstm.hpp>

namespace rondo::inline RONDO_ABI {

template <class Scalar, class Device = Cpu>
using Lstm = Recurrent<LstmCell, Scalar, Device>;

template <class Scalar, class Device = Cpu>
using LstmState = RecurrentState<Scalar, Device>;

using LstmConfig = RecurrentConfig;

}  // namespace rondo::inline RONDO_ABI
