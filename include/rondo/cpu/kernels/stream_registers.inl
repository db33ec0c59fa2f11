// SPDX-License-Identifier: MIT
// Several registers as one value, for every level: no include guard, no includes. Each operation is applied to all of
// them before the next one, so that independent instructions stand beside each other: a processor's window of waiting
// instructions is shorter than the nonlinearities of one register, and would not reach those of the next. What is
// written for a Vector (stream_functions.inl, stream_cells.inl) works for Registers, too.

template <int kCount>
struct Registers {
  Vector v[kCount];
};

template <class T>
inline constexpr int kRegisters = 0;
template <int kCount>
inline constexpr int kRegisters<Registers<kCount>> = kCount;

/// An operand of register i: Vector stands for the same value in each.
[[gnu::always_inline]] inline Vector operand(const Vector& v, int) { return v; }
template <int kCount>
[[gnu::always_inline]] inline Vector operand(const Registers<kCount>& r, int i) {
  return r.v[i];
}

template <class... T>
concept SomeRegisters = (kRegisters<T> | ...) > 0;

template <class... T>
using RegistersOf = Registers<(kRegisters<T> | ...)>;

template <class A, class B>
requires SomeRegisters<A, B>
[[gnu::always_inline]] inline auto operator+(const A& a, const B& b) {
  RegistersOf<A, B> result;
#pragma GCC unroll 8
  for (int i = 0; i < kRegisters<RegistersOf<A, B>>; ++i) result.v[i] = operand(a, i) + operand(b, i);
  return result;
}
template <class A, class B>
requires SomeRegisters<A, B>
[[gnu::always_inline]] inline auto operator-(const A& a, const B& b) {
  RegistersOf<A, B> result;
#pragma GCC unroll 8
  for (int i = 0; i < kRegisters<RegistersOf<A, B>>; ++i) result.v[i] = operand(a, i) - operand(b, i);
  return result;
}
template <class A, class B>
requires SomeRegisters<A, B>
[[gnu::always_inline]] inline auto operator*(const A& a, const B& b) {
  RegistersOf<A, B> result;
#pragma GCC unroll 8
  for (int i = 0; i < kRegisters<RegistersOf<A, B>>; ++i) result.v[i] = operand(a, i) * operand(b, i);
  return result;
}
template <class A, class B, class C>
requires SomeRegisters<A, B, C>
[[gnu::always_inline]] inline auto multiply_add(const A& a, const B& b, const C& c) {
  RegistersOf<A, B, C> result;
#pragma GCC unroll 8
  for (int i = 0; i < kRegisters<RegistersOf<A, B, C>>; ++i)
    result.v[i] = multiply_add(operand(a, i), operand(b, i), operand(c, i));
  return result;
}
template <int kCount>
[[gnu::always_inline]] inline auto clamp_magnitude(const Registers<kCount>& x, float limit) {
  Registers<kCount> result;
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) result.v[i] = clamp_magnitude(x.v[i], limit);
  return result;
}
template <int kCount>
[[gnu::always_inline]] inline auto divide_unless_nan(const Registers<kCount>& x, const Registers<kCount>& a,
                                                     const Registers<kCount>& b) {
  Registers<kCount> result;
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) result.v[i] = divide_unless_nan(x.v[i], a.v[i], b.v[i]);
  return result;
}
