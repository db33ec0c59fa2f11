// SPDX-License-Identifier: MIT
// The stepwise walk: for each step one product by cuBLAS and one kernel for all cells. The simplest one; it takes any
// shape, and double.
#include "../ops/elements.cuh"
#include "../ops/gemm.hpp"
#include "cells.cuh"

namespace rondo::inline v0::cuda {

namespace {

/// The cells of step s, a thread each. `product` is kTaken x H x B for kTaken = 1, or null: zero, or already in the
/// gates.
template <class Cells>
__global__ void step(Cells cells, Index s, const typename Cells::Scalar* product) {
  using Scalar = typename Cells::Scalar;
  for_each_element(cells.a.H, cells.a.B, [&](Index u, Index b) {
    Scalar taken[Cells::kTaken] = {};
    if constexpr (Cells::kTaken == 1)
      if (product) taken[0] = product[u + cells.a.H * b];
    const auto results = cells.compute(s, cells.load(s, u, b), taken);
    cells.hand_on(s, u, b, results);
    cells.keep(s, u, b, results);
  });
}

/// R (4H x H), as the products of this precision take it.
template <class Scalar>
struct Recurrent {
  Factors factors;
  Factor R;
  bool words;
};

template <class Scalar>
Recurrent<Scalar> recurrent(Precision precision, Index H, const Scalar* R, const std::uint16_t* R_words) {
  if (R_words) return {factors_of_words(precision == Precision::fp16), {R_words, 4 * H, H, 4 * H}, true};
  return {factors_of<Scalar>(precision), {R, 4 * H, H, 4 * H}, false};
}

template <class Scalar>
void forward(const ForwardArguments<Scalar>& a, Precision precision, const std::uint16_t* R_words) {
  const auto r = recurrent(precision, a.H, a.R, R_words);
  for (Index t = a.first; t < a.last; ++t) {
    const Scalar* h = t > 0 ? a.y + a.H * a.B * (t - 1) : a.h0;
    const void* h_before = r.words ? static_cast<const void*>(a.h_words.data + a.H * a.B * t) : h;
    Scalar* z = a.gates + 4 * a.H * a.B * t;
    multiply(r.factors, Op::none, Op::none, r.R, {h_before, a.H, a.B, a.H}, 1, z, 4 * a.H, 4 * a.H, a.B);
    launch("lstm forward step", step<ForwardCells<Scalar>>, over(a.H * a.B), ForwardCells<Scalar>{a}, t, nullptr);
  }
}

template <class Scalar>
void backward(const BackwardArguments<Scalar>& a, Precision precision, const std::uint16_t* R_words) {
  const auto r = recurrent(precision, a.H, a.R, R_words);
  for (Index s = a.first; s < a.last; ++s) {
    launch("lstm backward step", step<BackwardCells<Scalar>>, over(a.H * a.B), BackwardCells<Scalar>{a}, s, a.dh);
    if (s == a.T) break;
    const Index at = 4 * a.H * a.B * (a.T - 1 - s);
    const void* dz = r.words ? static_cast<const void*>(a.dz_words.data + at) : a.dz + at;
    // (15) dh(t-1) = R^T dz(t)
    multiply(r.factors, Op::transpose, Op::none, r.R, {dz, 4 * a.H, a.B, 4 * a.H}, 0, a.dh, a.H, a.H, a.B);
  }
}

}  // namespace

void enqueue_stepwise(const ForwardArguments<float>& a, Precision precision, const std::uint16_t* R_words) {
  forward(a, precision, R_words);
}
void enqueue_stepwise(const ForwardArguments<double>& a, Precision precision, const std::uint16_t* R_words) {
  forward(a, precision, R_words);
}
void enqueue_stepwise(const BackwardArguments<float>& a, Precision precision, const std::uint16_t* R_words) {
  backward(a, precision, R_words);
}
void enqueue_stepwise(const BackwardArguments<double>& a, Precision precision, const std::uint16_t* R_words) {
  backward(a, precision, R_words);
}

}  // namespace rondo::inline v0::cuda
