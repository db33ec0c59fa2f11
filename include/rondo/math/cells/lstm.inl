// SPDX-License-Identifier: MIT
// The equations of the LSTM. Included several times (see math/equations.hpp): no include guard, no includes. V is the
// value type: a float in a CUDA thread, an Eigen array, a vector register. Equation numbers are those of
// docs/01-lstm.md and docs/02-backprop-through-time.md. Hochreiter and Schmidhuber 1997; forget gate: Gers,
// Schmidhuber, Cummins 2000.

template <>
struct Equations<LstmCell> {
  /// Forward. z on entry: pre-activations (0); on return: gates i, f, g, o.
  template <class V, class Before, class C, class H>
  [[gnu::always_inline]] static constexpr void forward(V (&z)[4], const Before& c_before, C& c, C& tanh_c, H& h) {
    auto &i = z[0], &f = z[1], &g = z[2], &o = z[3];
    i = sigmoid(i);            // (1) input gate
    f = sigmoid(f);            // (2) forget gate
    g = tanh(g);               // (3) candidate
    o = sigmoid(o);            // (4) output gate
    c = f * c_before + i * g;  // (5) cell
    tanh_c = tanh(c);
    h = o * tanh_c;  // (6) hidden state
  }

  /// Backward. dh: dL/dh(t) from the layer above and from step t+1 (8). dc, in/out: dL/dc(t) from step t+1 on entry,
  /// contribution to step t-1 on return. dz: gradients of the pre-activations.
  template <class V, class Before, class Tanh, class Dh, class Dc, class Dz>
  [[gnu::always_inline]] static constexpr void backward(const V (&gates)[4], const Before& c_before, const Tanh& tanh_c,
                                                        const Dh& dh, Dc& dc, Dz (&dz)[4]) {
    auto &i = gates[0], &f = gates[1], &g = gates[2], &o = gates[3];
    auto &dz_i = dz[0], &dz_f = dz[1], &dz_g = dz[2], &dz_o = dz[3];
    dz_o = dh * tanh_c * o * (1 - o);          // (9)  forward: h = o * tanh(c), o = sigmoid(z_o)
    dc = dc + dh * o * (1 - tanh_c * tanh_c);  // (10) forward: h = o * tanh(c)
    dz_i = dc * g * i * (1 - i);               // (11) forward: c = f * c_before + i * g, i = sigmoid(z_i)
    dz_f = dc * c_before * f * (1 - f);        // (12) forward: c = f * c_before + i * g, f = sigmoid(z_f)
    dz_g = dc * i * (1 - g * g);               // (13) forward: c = f * c_before + i * g, g = tanh(z_g)
    dc = dc * f;                               // (14) forward: c = f * c_before + i * g
  }
};
