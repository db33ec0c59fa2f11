// SPDX-License-Identifier: MIT
// The text of the equations: no include guard, no includes. It is included by math/lstm_equations.hpp, and once more for
// every instruction set by cpu/kernels.hpp, and by cuda/lstm/cells.cuh; each place supplies sigmoid(v) and tanh(v) of
// its own values. They are constexpr because nvcc lets such functions run on a GPU.

/// Forward. On entry i f g o hold the pre-activations (0) z_i z_f z_g z_o; on return they hold the gates.
template <class V, class CellBefore, class Cell>
[[gnu::always_inline]] constexpr void lstm_cell(V& i, V& f, V& g, V& o, const CellBefore& c_before, Cell& c, Cell& tanh_c, Cell& h) {
  i = sigmoid(i);            // (1) input gate
  f = sigmoid(f);            // (2) forget gate
  g = tanh(g);               // (3) candidate
  o = sigmoid(o);            // (4) output gate
  c = f * c_before + i * g;  // (5) cell
  tanh_c = tanh(c);
  h = o * tanh_c;  // (6) hidden state
}

/// Backward. dh is dL/dh(t), from the layer above and from step t+1 together (8); dc comes in as what step t+1 passes
/// down of dL/dc(t), and leaves as what step t passes down to t-1. dz receives the gradients of the four
/// pre-activations.
template <class V, class Value, class Grad, class Carry>
[[gnu::always_inline]] constexpr void lstm_cell_backward(const V& i, const V& f, const V& g, const V& o, const Value& c_before, const Value& tanh_c,
                        const Value& dh, Carry& dc, Grad& dz_i, Grad& dz_f, Grad& dz_g, Grad& dz_o) {
  dz_o = dh * tanh_c * o * (1 - o);          // (9)  forward: h = o * tanh(c), o = sigmoid(z_o)
  dc = dc + dh * o * (1 - tanh_c * tanh_c);  // (10) forward: h = o * tanh(c)
  dz_i = dc * g * i * (1 - i);               // (11) forward: c = f * c_before + i * g, i = sigmoid(z_i)
  dz_f = dc * c_before * f * (1 - f);        // (12) forward: c = f * c_before + i * g, f = sigmoid(z_f)
  dz_g = dc * i * (1 - g * g);               // (13) forward: c = f * c_before + i * g, g = tanh(z_g)
  dc = dc * f;                               // (14) forward: c = f * c_before + i * g
}
