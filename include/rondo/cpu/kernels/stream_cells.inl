// SPDX-License-Identifier: MIT
// The cells of streaming kernels, for every level: no include guard, no includes. Same equations as math/cells/, in an
// order that shortens the chain from h(t-1) to h(t): rows of sigmoids are scaled by 1/2 (cpu/stream_layout.hpp), and
// factors and terms of (1 + tanh) / 2 are part of multiply-adds.

template <class Cell>
struct StreamCell;

template <>
struct StreamCell<LstmCell> {
  static constexpr bool kHasFunction[4] = {true, true, true, true};  // the caller applies tanh to these blocks

  /// v: tanh(z_i / 2), tanh(z_f / 2), tanh(z_g), tanh(z_o / 2). c, in and out.
  template <class Tanh, class V>  // V: Vector or Registers
  [[gnu::always_inline]] static void update(const Tanh& tanh, const V (&v)[4], V& c, V& h) {
    const Vector half = broadcast(0.5f);
    const V half_c = c * half;
    const V i_g = multiply_add(v[0], v[2], v[2]);                     // 2 i g
    c = multiply_add(i_g, half, multiply_add(v[1], half_c, half_c));  // (5)
    h = zero_if_small(c, multiply_add(v[3], half, half)) * tanh(c);   // (6)
    c = zero_if_small(c, c);
  }
};

template <>
struct StreamCell<GruCell> {
  static constexpr bool kHasFunction[4] = {true, true, false, false};

  /// v: tanh(z_r / 2), tanh(z_u / 2), n_h / 2, n_x. h, in and out.
  template <class Tanh, class V>
  [[gnu::always_inline]] static void update(const Tanh& tanh, const V (&v)[4], V&, V& h) {
    const Vector half = broadcast(0.5f);
    const V n = tanh(v[3] + multiply_add(v[0], v[2], v[2]));     // (22)
    h = multiply_add(multiply_add(v[1], half, half), h - n, n);  // (23)
    h = zero_if_small(h, h);
  }
};
