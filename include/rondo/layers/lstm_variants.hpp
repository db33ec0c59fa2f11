// SPDX-License-Identifier: MIT
// Recurrent networks of LSTM cells with peepholes, with coupled input and forget gates, with both. See recurrent.hpp.
#pragma once

#include <rondo/layers/recurrent.hpp>
#include <rondo/math/cells/lstm_variants.hpp>

namespace rondo::inline RONDO_ABI {

template <class Scalar, class Device = Cpu>
using PeepholeLstm = Recurrent<PeepholeLstmCell, Scalar, Device>;

template <class Scalar, class Device = Cpu>
using CoupledLstm = Recurrent<CoupledLstmCell, Scalar, Device>;

template <class Scalar, class Device = Cpu>
using CoupledPeepholeLstm = Recurrent<CoupledPeepholeLstmCell, Scalar, Device>;

}  // namespace rondo::inline RONDO_ABI
