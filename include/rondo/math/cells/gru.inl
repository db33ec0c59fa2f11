// SPDX-License-Identifier: MIT
// The equations of the GRU. Included several times (see math/equations.hpp): no include guard, no includes. Cho et al.
// 2014, with the reset gate after the recurrent product, as in torch.nn.GRU and cuDNN: n_h = R_n h(t-1) + b_Rn is a
// separate block. Equation numbers are those of docs/01-lstm.md and docs/02-backprop-through-time.md.

template <>
struct Equations<GruCell> {
  /// Forward. z on entry: pre-activations of r, u, n_h, n_x; on return: r, u, n_h (unchanged), n.
  template <class V, class Before, class C, class H>
  [[gnu::always_inline]] static constexpr void forward(V (&z)[4], const Before& h_before, C&, C&, H& h) {
    auto &r = z[0], &u = z[1], &n_h = z[2], &n = z[3];
    r = sigmoid(r);              // (20) reset gate
    u = sigmoid(u);              // (21) update gate
    n = tanh(n + r * n_h);       // (22) candidate
    h = n + u * (h_before - n);  // (23) hidden state, (1 - u) n + u h_before
  }

  /// Backward. dh: dL/dh(t) from the layer above and through R from step t+1. carry, in/out: gradient through the
  /// direct path h(t+1) -> h(t) on entry, h(t) -> h(t-1) on return. dz: gradients of the pre-activations.
  template <class V, class Before, class Tanh, class Dh, class Carry, class Dz>
  [[gnu::always_inline]] static constexpr void backward(const V (&gates)[4], const Before& h_before, const Tanh&,
                                                        const Dh& dh, Carry& carry, Dz (&dz)[4]) {
    auto &r = gates[0], &u = gates[1], &n_h = gates[2], &n = gates[3];
    auto &dz_r = dz[0], &dz_u = dz[1], &dz_h = dz[2], &dz_x = dz[3];
    carry = carry + dh;                           // (24) forward: h(t+1) = (1 - u) n + u h
    dz_u = carry * (h_before - n) * u * (1 - u);  // (25) forward: h = n + u * (h_before - n), u = sigmoid(z_u)
    dz_x = carry * (1 - u) * (1 - n * n);         // (26) forward: h = (1 - u) * n + ..., n = tanh(n_x + r * n_h)
    dz_r = dz_x * n_h * r * (1 - r);              // (27) forward: n = tanh(n_x + r * n_h), r = sigmoid(z_r)
    dz_h = dz_x * r;                              // (28) forward: n = tanh(n_x + r * n_h)
    carry = carry * u;                            // (29) forward: h = ... + u * h_before
  }
};
