// SPDX-License-Identifier: MIT
// Nonlinearities of streaming kernels, for every level: no include guard, no includes. Needs kernels/vector.inl and the
// level's rearrangements (levels/*_streams.inl).

/// tanh by a rational function x P(x^2) / Q(x^2), fitted by minimax on [0, 8.3] and constant beyond. The fit's absolute
/// error is 1e-8; in float the largest is 4e-7, five units in the last place of numbers below 1. NaN stays NaN.
struct ExactTanh {
  [[gnu::always_inline]] Vector operator()(Vector v) const {
    const Vector x = clamp_magnitude(v, 8.3f), u = x * x, u2 = u * u;
    const Vector p =
        multiply_add(u2,
                     multiply_add(u2, broadcast(1.447687748e-08f),
                                  multiply_add(u, broadcast(2.138091986e-05f), broadcast(3.541194135e-03f))),
                     multiply_add(u, broadcast(1.341906488e-01f), broadcast(9.999999404e-01f)));
    const Vector q =
        multiply_add(u2,
                     multiply_add(u2, broadcast(8.223911436e-07f),
                                  multiply_add(u, broadcast(3.361075069e-04f), broadcast(2.604933828e-02f))),
                     multiply_add(u, broadcast(4.675238132e-01f), broadcast(1)));
    return divide_unless_nan(v, x * p, q);
  }
};

/// tanh within 3.2e-5, by a rational function of lower degree, fitted on [0, 5.6]: 4e-6 there, constant beyond.
struct RationalTanh {
  [[gnu::always_inline]] Vector operator()(Vector v) const {
    const Vector x = clamp_magnitude(v, 5.6f), u = x * x;
    const Vector p = multiply_add(u, multiply_add(u, broadcast(1.546063406e-03f), broadcast(1.152589334e-01f)),
                                  broadcast(9.999816448e-01f));
    const Vector q = multiply_add(u * u, multiply_add(u, broadcast(5.841562504e-05f), broadcast(1.778374977e-02f)),
                                  multiply_add(u, broadcast(4.485308970e-01f), broadcast(1)));
    return divide_unless_nan(v, x * p, q);
  }
};

/// `value`, or zero where |v| < kFlushThreshold; kept where v is NaN. Not on the path from v to what depends on it.
[[gnu::always_inline]] inline Vector zero_if_small(Vector v, Vector value) {
  return v * v < broadcast(kFlushThreshold * kFlushThreshold) ? Vector{} : value;
}

/// Inputs. Infinity becomes the largest number: its product with a weight of zero, in an unused lane or block, is then
/// zero and not NaN. What is smaller than kFlushThreshold becomes zero.
[[gnu::always_inline]] inline Vector bounded_input(Vector x) {
  return zero_if_small(x, clamp(x, std::numeric_limits<float>::max()));
}
[[gnu::always_inline]] inline Vector broadcast_input(float value) { return bounded_input(broadcast(value)); }
