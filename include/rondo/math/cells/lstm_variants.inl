// SPDX-License-Identifier: MIT
// The text of two variants of the LSTM and of both together: no include guard, no includes. Peepholes (Gers,
// Schraudolph, Schmidhuber 2002): the gates see the cell, i and f the one before, o the new one, each unit its own
// through weights p. Coupled gates (Greff et al. 2017, CIFG): i = 1 - f, one gate less. The rest is the LSTM
// (lstm.inl). `p` are the peepholes of i, f, o, or of f, o where i is coupled; dp their gradients, to which is added.

template <bool kCoupled, bool kPeepholes>
struct Equations<LstmVariantCell<kCoupled, kPeepholes>> {
  static constexpr int kF = kCoupled ? 0 : 1, kG = kF + 1, kO = kF + 2;  // blocks of z
  static constexpr unsigned kBlocks = kCoupled ? 3 : 4;                  // unsigned, to be the size of an array
  static constexpr int kPf = kF, kPo = kF + 1;                           // of p; i is the first

  template <class V, class Before, class C, class P>
  [[gnu::always_inline]] static constexpr void update(V (&z)[kBlocks], const Before& c_before, C& c, const P* p) {
    auto &f = z[kF], &g = z[kG];
    if constexpr (kPeepholes) f = f + p[kPf] * c_before;  // (30) z_f + p_f c_before
    f = sigmoid(f);                                       // (2)
    g = tanh(g);                                          // (3)
    if constexpr (kCoupled) {
      c = f * c_before + (1 - f) * g;  // (31) i = 1 - f
    } else {
      auto& i = z[0];
      if constexpr (kPeepholes) i = i + p[0] * c_before;  // (30) z_i + p_i c_before
      i = sigmoid(i);                                     // (1)
      c = f * c_before + i * g;                           // (5)
    }
  }

  /// `c_out` is c, or what a layer norm made of it.
  template <class V, class C, class COut, class Tanh, class H, class P>
  [[gnu::always_inline]] static constexpr void output(V (&z)[kBlocks], const C& c, const COut& c_out, Tanh& tanh_c,
                                                      H& h, const P* p) {
    auto& o = z[kO];
    if constexpr (kPeepholes) o = o + p[kPo] * c;  // (30) z_o + p_o c
    o = sigmoid(o);                                // (4)
    tanh_c = tanh(c_out);
    h = o * tanh_c;  // (6)
  }

  /// dc_out gains what h passes down; dc gains what the output gate's peephole does.
  template <class V, class C, class Tanh, class Dh, class DcOut, class Dc, class Dz, class P, class Dp>
  [[gnu::always_inline]] static constexpr void output_backward(const V (&gates)[kBlocks], const C& c,
                                                               const Tanh& tanh_c, const Dh& dh, DcOut& dc_out, Dc& dc,
                                                               Dz (&dz)[kBlocks], const P* p, Dp* dp) {
    auto& o = gates[kO];
    auto& dz_o = dz[kO];
    dz_o = dh * tanh_c * o * (1 - o);                  // (9)
    dc_out = dc_out + dh * o * (1 - tanh_c * tanh_c);  // (10)
    if constexpr (kPeepholes) {
      dc = dc + dz_o * p[kPo];  // (32) forward: z_o + p_o c
      dp[kPo] = dp[kPo] + dz_o * c;
    }
  }

  template <class V, class Before, class Dc, class Dz, class P, class Dp>
  [[gnu::always_inline]] static constexpr void update_backward(const V (&gates)[kBlocks], const Before& c_before,
                                                               Dc& dc, Dz (&dz)[kBlocks], const P* p, Dp* dp) {
    auto &f = gates[kF], &g = gates[kG];
    auto &dz_f = dz[kF], &dz_g = dz[kG];
    if constexpr (kCoupled) {
      dz_f = dc * (c_before - g) * f * (1 - f);  // (33) forward: c = f * c_before + (1 - f) * g
      dz_g = dc * (1 - f) * (1 - g * g);         // (34) forward: c = ... + (1 - f) * g
    } else {
      auto& i = gates[0];
      auto& dz_i = dz[0];
      dz_i = dc * g * i * (1 - i);         // (11)
      dz_f = dc * c_before * f * (1 - f);  // (12)
      dz_g = dc * i * (1 - g * g);         // (13)
    }
    dc = dc * f;  // (14)
    if constexpr (kPeepholes) {
      dc = dc + dz_f * p[kPf];  // (35) forward: z_f + p_f c_before
      dp[kPf] = dp[kPf] + dz_f * c_before;
      if constexpr (!kCoupled) {
        dc = dc + dz[0] * p[0];  // (35) forward: z_i + p_i c_before
        dp[0] = dp[0] + dz[0] * c_before;
      }
    }
  }
};
