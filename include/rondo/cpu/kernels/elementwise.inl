// SPDX-License-Identifier: MIT
// Element-wise kernels and reductions: softmax of a column, Adam, sums of squares. For every level: no include guard,
// no includes. Needs vector.inl and the vector accessors of recurrent.inl.
//
// At every level a sum has kSpan partial sums, partial sum i over the elements i, i + kSpan, ..., which are then added
// as a tree: AVX2 and AVX-512 give bit-identical results.

inline constexpr long kSpan = 16;
inline constexpr int kSpanVectors = kSpan / kLanes;

/// f(accessor, i, part) for each vector of [0, count); elements i, i + 1, ... belong to vector `part` of a span.
template <class F>
[[gnu::always_inline]] inline void for_each_vector(long count, F&& f) {
  long i = 0;
  for (; i + kSpan <= count; i += kSpan)
#pragma GCC unroll 2
    for (int part = 0; part < kSpanVectors; ++part) f(FullVector{}, i + part * kLanes, part);
  for (int part = 0; i < count; i += kLanes, ++part) {
    if (count - i >= kLanes)
      f(FullVector{}, i, part);
    else
      f(PartialVector{count - i}, i, part);
  }
}

/// v with inactive lanes set to `rest`.
[[gnu::always_inline]] inline Vector with_rest(FullVector, Vector v, float) { return v; }
[[gnu::always_inline]] inline Vector with_rest(PartialVector memory, Vector v, float rest) {
  return first_lanes(memory.lanes) ? v : broadcast(rest);
}

/// Reduces all parts of a span by `combine`, as a tree.
template <class V, int N, class F>
[[gnu::always_inline]] inline auto reduce(const V (&parts)[N], F&& combine) {
  using Number = std::remove_cvref_t<decltype(parts[0][0])>;
  alignas(64) Number values[kSpan];
  static_assert(sizeof values == sizeof parts);
  std::memcpy(values, parts, sizeof values);
#pragma GCC unroll 4
  for (long width = kSpan / 2; width > 0; width /= 2)
#pragma GCC unroll 8
    for (long i = 0; i < width; ++i) values[i] = combine(values[i], values[i + width]);
  return values[0];
}

/// e^x for x <= 0; zero below -87.
[[gnu::always_inline]] inline Vector exp_not_positive(Vector x) {
  const Power e = power_of_two(x, kLog2E);
  return x < broadcast(-87.0f) ? Vector{} : multiply_add(e.scale, e.rest, e.scale);
}

/// See ElementwiseKernels. A column stays in L1 from the search for its maximum to the final scaling.
inline SoftmaxTotal softmax(const float* z, long count, float scale, float* d) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Vector highest[kSpanVectors], total[kSpanVectors] = {};
  for (Vector& part : highest) part = broadcast(kLowest);
  for_each_vector(
      count, [&](auto memory, long i, int part) __attribute__((always_inline)) {
        highest[part] = maximum(with_rest(memory, memory.read(z + i), kLowest), highest[part]);
      });
  SoftmaxTotal result;
  result.highest = reduce(highest, [](float a, float b) { return a > b ? a : b; });
  for_each_vector(
      count, [&](auto memory, long i, int part) __attribute__((always_inline)) {
        const Vector e = exp_not_positive(with_rest(memory, memory.read(z + i), kLowest) - broadcast(result.highest));
        total[part] += e;
        if (d != nullptr) memory.write(d + i, e);
      });
  result.total = reduce(total, [](float a, float b) { return a + b; });
  if (d == nullptr) return result;
  const Vector factor = broadcast(scale / result.total);
  for_each_vector(
      count, [&](auto memory, long i, int)
                 __attribute__((always_inline)) { memory.write(d + i, memory.read(d + i) * factor); });
  return result;
}

/// See ElementwiseKernels.
inline void adam(const AdamConstants& s, long count, float* w, const float* g, float* m, float* v) {
  const Vector one_minus_beta1 = broadcast(s.one_minus_beta1), one_minus_beta2 = broadcast(s.one_minus_beta2),
               step_size = broadcast(s.step_size), epsilon = broadcast(s.epsilon),
               inv_bias_correction2_sqrt = broadcast(s.inv_bias_correction2_sqrt),
               weight_decay_factor = broadcast(s.weight_decay_factor);
  for_each_vector(
      count, [&](auto memory, long i, int) __attribute__((always_inline)) {
        const Vector gradient = memory.read(g + i);
        Vector first = memory.read(m + i), second = memory.read(v + i);
        first = multiply_add(one_minus_beta1, gradient - first, first);
        second = multiply_add(one_minus_beta2, multiply_add(gradient, gradient, -second), second);
        const Vector move = step_size * first / multiply_add(square_root(second), inv_bias_correction2_sqrt, epsilon);
        memory.write(m + i, first);
        memory.write(v + i, second);
        memory.write(w + i, multiply_add(weight_decay_factor, memory.read(w + i), -move));
      });
}

typedef double DoubleVector __attribute__((vector_size(sizeof(Vector))));

/// Half of v's lanes, converted to double.
template <int First, std::size_t... I>
[[gnu::always_inline]] inline DoubleVector half(Vector v, std::index_sequence<I...>) {
  return __builtin_convertvector(__builtin_shufflevector(v, v, (First + I)...), DoubleVector);
}

/// See ElementwiseKernels. A float's square is exact in double.
inline double sum_of_squares(const float* a, long count) {
  constexpr auto lanes = std::make_index_sequence<kLanes / 2>{};
  DoubleVector sum[2 * kSpanVectors] = {};
  for_each_vector(
      count, [&](auto memory, long i, int part) __attribute__((always_inline)) {
        const Vector v = memory.read(a + i);
        const DoubleVector low = half<0>(v, lanes), high = half<kLanes / 2>(v, lanes);
        sum[2 * part] += low * low;
        sum[2 * part + 1] += high * high;
      });
  return reduce(sum, [](double x, double y) { return x + y; });
}

/// See ElementwiseKernels.
inline void add(long count, const float* a, float* sum) {
  for_each_vector(
      count, [&](auto memory, long i, int)
                 __attribute__((always_inline)) { memory.write(sum + i, memory.read(sum + i) + memory.read(a + i)); });
}
