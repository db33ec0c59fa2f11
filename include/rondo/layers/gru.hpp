// SPDX-License-Identifier: MIT
// Gru: recurrent network of GRU cells. See recurrent.hpp.
#pragma once

#include <rondo/layers/inference.hpp>
#include <rondo/layers/recurrent.hpp>
#include <rondo/layers/streaming.hpp>
#include <rondo/math/cells/gru.hpp>

namespace rondo::inline RONDO_ABI {

/// A network of GRU layers (Cho et al. 2014) in the reset-after variant of torch.nn.GRU and cuDNN.
///
/// For each layer and direction, with x[n,t] the inputs (n = 0 .. C-1), h[k,t] the hidden state (k = 0 .. H-1), weights
/// W (3H x C), R (3H x H), biases b and b_R (3H x 1), gates in the order r, u, n (PyTorch: r, z, n):
///
/// @verbatim
/// forward, for t = 0 .. T-1, with h[k,-1] = h0[k]
///        z_a[k,t] = sum_n W_a[k,n] x[n,t] + b_a[k] + sum_j R_a[k,j] h[j,t-1] + b_Ra[k]     a in {r, u}
///        n_h[k,t] = sum_j R_n[k,j] h[j,t-1] + b_Rn[k]
///        n_x[k,t] = sum_n W_n[k,n] x[n,t] + b_n[k]
///   (20) r[k,t] = sigmoid(z_r[k,t])                                                         reset gate
///   (21) u[k,t] = sigmoid(z_u[k,t])                                                         update gate
///   (22) n[k,t] = tanh(n_x[k,t] + r[k,t] n_h[k,t])                                          candidate
///   (23) h[k,t] = (1 - u[k,t]) n[k,t] + u[k,t] h[k,t-1]                                     hidden state, y = h
///
/// backward, for t = T-1 .. 0, with dv = dL/dv, and a[k,T] and dh_R[k,T-1] the gradient of the final state
///        dh[k,t]   = dy[k,t] + dh_R[k,t]
///   (24) a[k,t]    = a[k,t+1] u[k,t+1] + dh[k,t]                                            a u: direct path (29)
///   (25) dz_u[k,t] = a[k,t] (h[k,t-1] - n[k,t]) u[k,t] (1 - u[k,t])
///   (26) dn_x[k,t] = a[k,t] (1 - u[k,t]) (1 - n[k,t]^2)
///   (27) dz_r[k,t] = dn_x[k,t] n_h[k,t] r[k,t] (1 - r[k,t])
///   (28) dn_h[k,t] = dn_x[k,t] r[k,t]
///   (15) dh_R[j,t-1] = sum_k R_r[k,j] dz_r[k,t] + R_u[k,j] dz_u[k,t] + R_n[k,j] dn_h[k,t]
///   (16) dW_a[k,n] = sum_t dz_a[k,t] x[n,t]            a in {r, u, n}, dz_n = dn_x
///   (17) dR_a[k,j] = sum_t dz_a[k,t] h[j,t-1]          a in {r, u, n}, dz_n = dn_h
///   (18) db_a[k]   = sum_t dz_a[k,t], with dz_n = dn_x;   db_Ra[k] the same, with dz_n = dn_h
///   (19) dx[n,t]   = sum_a sum_k W_a[k,n] dz_a[k,t]    with dz_n = dn_x
/// @endverbatim
///
/// The code is math/cells/gru.inl.
template <class Scalar, class Device = Cpu>
using Gru = Recurrent<GruCell, Scalar, Device>;

/// A Gru for inference only, with packed weights.
template <class Scalar, class Device = Cpu>
using InferenceGru = InferenceRecurrent<GruCell, Scalar, Device>;

/// A Gru for one stream, one step at a time.
template <class Scalar, Index C = kDynamic, Index H = kDynamic>
using StreamingGru = StreamingRecurrent<GruCell, Scalar, C, H>;

}  // namespace rondo::inline RONDO_ABI
