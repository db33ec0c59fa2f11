// SPDX-License-Identifier: MIT
// Nonlinearities of streaming kernels, for every level: no include guard, no includes. Needs kernels/vector.inl and the
// level's rearrangements (levels/*_streams.inl).

/// tanh by a rational function x P(x^2) / Q(x^2), fitted by minimax on [0, 8.3] and constant beyond. The fit's absolute
/// error is 1e-8; in float the largest is 4e-7, five units in the last place of numbers below 1. NaN stays NaN.
struct ExactRationalTanh {
  template <class V>  // Vector or Registers
  [[gnu::always_inline]] V operator()(const V& v) const {
    const V x = clamp_magnitude(v, 8.3f), u = x * x, u2 = u * u;
    const V p = multiply_add(u2,
                             multiply_add(u2, broadcast(1.447687748e-08f),
                                          multiply_add(u, broadcast(2.138091986e-05f), broadcast(3.541194135e-03f))),
                             multiply_add(u, broadcast(1.341906488e-01f), broadcast(9.999999404e-01f)));
    const V q = multiply_add(u2,
                             multiply_add(u2, broadcast(8.223911436e-07f),
                                          multiply_add(u, broadcast(3.361075069e-04f), broadcast(2.604933828e-02f))),
                             multiply_add(u, broadcast(4.675238132e-01f), broadcast(1)));
    return divide_unless_nan(v, x * p, q);
  }
};

/// tanh within 3.2e-5, by a rational function of lower degree, fitted on [0, 5.6]: 4e-6 there, constant beyond.
struct FastRationalTanh {
  template <class V>
  [[gnu::always_inline]] V operator()(const V& v) const {
    const V x = clamp_magnitude(v, 5.6f), u = x * x;
    const V p = multiply_add(u, multiply_add(u, broadcast(1.546063406e-03f), broadcast(1.152589334e-01f)),
                             broadcast(9.999816448e-01f));
    const V q = multiply_add(u * u, multiply_add(u, broadcast(5.841562504e-05f), broadcast(1.778374977e-02f)),
                             multiply_add(u, broadcast(4.485308970e-01f), broadcast(1)));
    return divide_unless_nan(v, x * p, q);
  }
};

/// `value`, or zero where |v| < kFlushThreshold; kept where v is NaN. Not on the path from v to what depends on it.
[[gnu::always_inline]] inline Vector zero_if_small(Vector v, Vector value) {
  return v * v < broadcast(kFlushThreshold * kFlushThreshold) ? Vector{} : value;
}
template <int kCount>
[[gnu::always_inline]] inline auto zero_if_small(const Registers<kCount>& v, const Registers<kCount>& value) {
  Registers<kCount> result;
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) result.v[i] = zero_if_small(v.v[i], value.v[i]);
  return result;
}

/// Inputs. Infinity becomes the largest number: its product with a weight of zero, in an unused lane or block, is then
/// zero and not NaN. What is smaller than kFlushThreshold becomes zero.
[[gnu::always_inline]] inline Vector bounded_input(Vector x) {
  return zero_if_small(x, clamp(x, std::numeric_limits<float>::max()));
}
[[gnu::always_inline]] inline Vector broadcast_input(float value) { return bounded_input(broadcast(value)); }
