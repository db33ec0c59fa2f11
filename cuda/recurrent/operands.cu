// SPDX-License-Identifier: MIT
#include "operands.hpp"

#include "../ops/elements.cuh"
#include "cells.cuh"

namespace rondo::inline v0::cuda {

namespace {

__global__ void round_kernel(MatrixView<const float> a, LowPrecision low) {
  for_each_element(a.rows, a.cols, [&](Index i, Index j) { put_low(low, i + a.rows * j, a(i, j)); });
}

template <class Scalar>
__global__ void copy_active_kernel(MatrixView<const Scalar> from, Timing timing, MatrixView<Scalar> to) {
  for_each_element(to.rows, to.cols, [&](Index i, Index j) {
    to(i, j) = timing.active(j % timing.B, j / timing.B) ? from(i, j) : Scalar(0);
  });
}

template <class Scalar>
__global__ void clear_padding_kernel(Timing timing, MatrixView<Scalar> a) {
  for_each_element(a.rows, a.cols, [&](Index i, Index j) {
    if (!timing.active(j % timing.B, j / timing.B)) a(i, j) = 0;
  });
}

template <class Scalar>
__global__ void final_state_kernel(Timing timing, MatrixView<const Scalar> states, const Scalar* initial,
                                   MatrixView<Scalar> final) {
  for_each_element(final.rows, final.cols, [&](Index i, Index b) {
    const Index length = timing.length(b), t = timing.reverse ? 0 : length - 1;
    final(i, b) = length > 0 ? states(i, b + timing.B * t) : initial[i + final.rows * b];
  });
}

template <class Scalar>
__global__ void first_steps_kernel(Timing timing, MatrixView<const Scalar> steps, MatrixView<Scalar> first) {
  for_each_element(first.rows, first.cols, [&](Index i, Index b) {
    const Index length = timing.length(b), t = timing.reverse ? length - 1 : 0;
    first(i, b) = length > 0 ? steps(i, b + timing.B * t) : Scalar(0);
  });
}

template <class Scalar>
__global__ void multiply_by_c_kernel(Timing timing, bool before, MatrixView<const Scalar> dz, const Scalar* c0,
                                     MatrixView<const Scalar> c, MatrixView<Scalar> products) {
  for_each_element(products.rows, products.cols, [&](Index u, Index j) {
    const Index b = j % timing.B, t = j / timing.B;
    Scalar product = 0;
    if (timing.active(b, t)) {
      const Scalar seen = !before               ? c(u, j)
                          : timing.begins(b, t) ? c0[u + products.rows * b]
                                                : c(u, b + timing.B * timing.before(t));
      product = dz(u, j) * seen;
    }
    products(u, j) = product;
  });
}

}  // namespace

void round_to_low(MatrixView<const float> a, bool fp16, std::uint16_t* low) {
  launch("round to 16 bits", round_kernel, over(a.rows * a.cols), a, LowPrecision{low, fp16});
}

template <class Scalar>
void copy_active(MatrixView<const Scalar> from, const Timing& timing, MatrixView<Scalar> to) {
  launch("copy active", copy_active_kernel<Scalar>, over(to.rows * to.cols), from, timing, to);
}

template <class Scalar>
void clear_padding(const Timing& timing, MatrixView<Scalar> a) {
  launch("clear padding", clear_padding_kernel<Scalar>, over(a.rows * a.cols), timing, a);
}

template <class Scalar>
void gather_final_state(const Timing& timing, MatrixView<const Scalar> states, const Scalar* initial,
                        MatrixView<Scalar> final) {
  launch("final state", final_state_kernel<Scalar>, over(final.rows * final.cols), timing, states, initial, final);
}

template <class Scalar>
void gather_first_steps(const Timing& timing, MatrixView<const Scalar> steps, MatrixView<Scalar> first) {
  launch("first steps", first_steps_kernel<Scalar>, over(first.rows * first.cols), timing, steps, first);
}

template <class Scalar>
void multiply_by_c(const Timing& timing, bool before, MatrixView<const Scalar> dz, const Scalar* c0,
                   MatrixView<const Scalar> c, MatrixView<Scalar> products) {
  launch("multiply by c", multiply_by_c_kernel<Scalar>, over(products.rows * products.cols), timing, before, dz, c0, c,
         products);
}

template void multiply_by_c<float>(const Timing&, bool, MatrixView<const float>, const float*, MatrixView<const float>,
                                   MatrixView<float>);
template void multiply_by_c<double>(const Timing&, bool, MatrixView<const double>, const double*,
                                    MatrixView<const double>, MatrixView<double>);
template void copy_active<float>(MatrixView<const float>, const Timing&, MatrixView<float>);
template void copy_active<double>(MatrixView<const double>, const Timing&, MatrixView<double>);
template void clear_padding<float>(const Timing&, MatrixView<float>);
template void clear_padding<double>(const Timing&, MatrixView<double>);
template void gather_final_state<float>(const Timing&, MatrixView<const float>, const float*, MatrixView<float>);
template void gather_final_state<double>(const Timing&, MatrixView<const double>, const double*, MatrixView<double>);
template void gather_first_steps<float>(const Timing&, MatrixView<const float>, MatrixView<float>);
template void gather_first_steps<double>(const Timing&, MatrixView<const double>, MatrixView<double>);

}  // namespace rondo::inline v0::cuda
