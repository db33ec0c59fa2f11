// SPDX-License-Identifier: MIT
// Lstm: recurrent network of LSTM cells. See recurrent.hpp.
#pragma once

#include <rondo/layers/recurrent.hpp>
#include <rondo/math/cells/lstm.hpp>

namespace rondo::inline RONDO_ABI {

/// A network of LSTM layers (Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber, Cummins 2000), as
/// torch.nn.LSTM.
///
/// For each layer and direction, with x[n,t] the inputs (n = 0 .. C-1), h[k,t] the hidden state, c[k,t] the cell state
/// (k = 0 .. H-1), weights W (4H x C), R (4H x H), bias b (4H x 1), gates in the order i, f, g, o:
///
/// @verbatim
/// forward, for t = 0 .. T-1, with h[k,-1] = h0[k], c[k,-1] = c0[k]
///   (0)  z_a[k,t] = sum_n W_a[k,n] x[n,t] + sum_j R_a[k,j] h[j,t-1] + b_a[k]      a in {i, f, g, o}
///   (1)  i[k,t]   = sigmoid(z_i[k,t])                                             input gate
///   (2)  f[k,t]   = sigmoid(z_f[k,t])                                             forget gate
///   (3)  g[k,t]   = tanh(z_g[k,t])                                                candidate
///   (4)  o[k,t]   = sigmoid(z_o[k,t])                                             output gate
///   (5)  c[k,t]   = f[k,t] c[k,t-1] + i[k,t] g[k,t]                               cell state
///   (6)  h[k,t]   = o[k,t] tanh(c[k,t])                                           hidden state
///   (7)  y[k,t]   = h[k,t]                                                        output
///
/// backward, for t = T-1 .. 0, with dv = dL/dv, and dh_R[k,T-1], dc_f[k,T-1] the gradient of the final state
///   (8)  dh[k,t]   = dy[k,t] + dh_R[k,t]
///   (9)  dz_o[k,t] = dh[k,t] tanh(c[k,t]) o[k,t] (1 - o[k,t])
///   (10) dc[k,t]   = dc_f[k,t] + dh[k,t] o[k,t] (1 - tanh(c[k,t])^2)
///   (11) dz_i[k,t] = dc[k,t] g[k,t] i[k,t] (1 - i[k,t])
///   (12) dz_f[k,t] = dc[k,t] c[k,t-1] f[k,t] (1 - f[k,t])
///   (13) dz_g[k,t] = dc[k,t] i[k,t] (1 - g[k,t]^2)
///   (14) dc_f[k,t-1] = dc[k,t] f[k,t]                                              t = 0: gradient of c0
///   (15) dh_R[j,t-1] = sum_a sum_k R_a[k,j] dz_a[k,t]                              t = 0: gradient of h0
///   (16) dW_a[k,n] = sum_t dz_a[k,t] x[n,t]
///   (17) dR_a[k,j] = sum_t dz_a[k,t] h[j,t-1]
///   (18) db_a[k]   = sum_t dz_a[k,t]
///   (19) dx[n,t]   = sum_a sum_k W_a[k,n] dz_a[k,t]
/// @endverbatim
///
/// Gradients of weights are also summed over the batch. The code of (1) to (6) and (9) to (14) is math/cells/lstm.inl;
/// docs/01-lstm.md and docs/02-backprop-through-time.md derive the equations.
///
/// @code
/// rondo::Rng rng(1);
/// rondo::Lstm<float> lstm({.input = 3, .hidden = 16, .layers = 2}, rng);
/// rondo::Lstm<float>::Cache cache;
/// auto state = lstm.zero_state(4);
/// const auto& y = lstm.forward(x, state, cache, rondo::Training{rng});  // x: 3 x 4 x T, y: 16 x 4 x T
/// @endcode
template <class Scalar, class Device = Cpu>
using Lstm = Recurrent<LstmCell, Scalar, Device>;

/// h and c of all layers of an Lstm.
template <class Scalar, class Device = Cpu>
using LstmState = RecurrentState<Scalar, Device>;

/// Configuration of an Lstm.
using LstmConfig = RecurrentConfig;

}  // namespace rondo::inline RONDO_ABI
