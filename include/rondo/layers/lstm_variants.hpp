// SPDX-License-Identifier: MIT
// Recurrent networks of LSTM cells with peepholes, with coupled input and forget gate, with both. See recurrent.hpp.
#pragma once

#include <rondo/layers/recurrent.hpp>
#include <rondo/math/cells/lstm_variants.hpp>

namespace rondo::inline RONDO_ABI {

/// A network of LSTM layers with peepholes (Gers, Schraudolph, Schmidhuber 2002). Equations of Lstm, with weights p
/// (H x 3, for i, f, o):
///
/// @verbatim
/// forward
///   (30) z_i[k,t] += p_i[k] c[k,t-1],  z_f[k,t] += p_f[k] c[k,t-1],  z_o[k,t] += p_o[k] c[k,t]
/// backward
///   (32) dc[k,t]     += dz_o[k,t] p_o[k]                                    after (10)
///   (35) dc_f[k,t-1] += dz_f[k,t] p_f[k] + dz_i[k,t] p_i[k]                  after (14)
///        dp_i[k] = sum_t dz_i[k,t] c[k,t-1],  dp_f[k] = sum_t dz_f[k,t] c[k,t-1],  dp_o[k] = sum_t dz_o[k,t] c[k,t]
/// @endverbatim
///
/// The code is math/cells/lstm_variants.inl.
template <class Scalar, class Device = Cpu>
using PeepholeLstm = Recurrent<PeepholeLstmCell, Scalar, Device>;

/// A network of LSTM layers with coupled input and forget gate (Greff et al. 2017, CIFG). Gates f, g, o; equations of
/// Lstm, except:
///
/// @verbatim
/// forward
///   (31) c[k,t] = f[k,t] c[k,t-1] + (1 - f[k,t]) g[k,t]                      that is, i = 1 - f
/// backward
///   (33) dz_f[k,t] = dc[k,t] (c[k,t-1] - g[k,t]) f[k,t] (1 - f[k,t])
///   (34) dz_g[k,t] = dc[k,t] (1 - f[k,t]) (1 - g[k,t]^2)
/// @endverbatim
template <class Scalar, class Device = Cpu>
using CoupledLstm = Recurrent<CoupledLstmCell, Scalar, Device>;

/// A network of LSTM layers with coupled gates and peepholes for f and o (H x 2).
template <class Scalar, class Device = Cpu>
using CoupledPeepholeLstm = Recurrent<CoupledPeepholeLstmCell, Scalar, Device>;

}  // namespace rondo::inline RONDO_ABI
