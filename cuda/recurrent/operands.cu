// SPDX-License-Identifier: MIT
#include "operands.hpp"

#include "../ops/elements.cuh"
#include "cells.cuh"

namespace rondo::inline RONDO_ABI::cuda {

namespace {

__global__ void round_kernel(MatrixView<const float> a, LowPrecision low) {
  for_each_element(a.rows, a.cols, [&](Index i, Index j) { store_low_precision(low, i + a.rows * j, a(i, j)); });
}

template <class Value>
__global__ void widen_kernel(const Value* low, MatrixView<float> to) {
  for_each_element(to.rows, to.cols, [&](Index i, Index j) { to(i, j) = low[i + to.rows * j]; });
}

template <class Scalar>
__global__ void copy_active_kernel(MatrixView<const Scalar> from, StepOrder step_order, MatrixView<Scalar> to) {
  for_each_element(to.rows, to.cols, [&](Index i, Index j) {
    to(i, j) = step_order.active(j % step_order.B, j / step_order.B) ? from(i, j) : Scalar(0);
  });
}

template <class Scalar>
__global__ void clear_padding_kernel(StepOrder step_order, MatrixView<Scalar> a) {
  for_each_element(a.rows, a.cols, [&](Index i, Index j) {
    if (!step_order.active(j % step_order.B, j / step_order.B)) a(i, j) = 0;
  });
}

template <class Scalar>
__global__ void final_state_kernel(StepOrder step_order, MatrixView<const Scalar> states, const Scalar* initial,
                                   MatrixView<Scalar> final) {
  for_each_element(final.rows, final.cols, [&](Index i, Index b) {
    const Index length = step_order.length(b), t = step_order.reverse ? 0 : length - 1;
    final(i, b) = length > 0 ? states(i, b + step_order.B * t) : initial[i + final.rows * b];
  });
}

template <class Scalar>
__global__ void first_steps_kernel(StepOrder step_order, MatrixView<const Scalar> steps, MatrixView<Scalar> first) {
  for_each_element(first.rows, first.cols, [&](Index i, Index b) {
    const Index length = step_order.length(b), t = step_order.reverse ? length - 1 : 0;
    first(i, b) = length > 0 ? steps(i, b + step_order.B * t) : Scalar(0);
  });
}

template <class Scalar, class Gradient, class Saved>
__global__ void multiply_by_c_kernel(StepOrder step_order, bool before, MatrixView<const Gradient> dz, const Scalar* c0,
                                     MatrixView<const Saved> c, MatrixView<Scalar> products) {
  for_each_element(products.rows, products.cols, [&](Index u, Index j) {
    const Index b = j % step_order.B, t = j / step_order.B;
    Scalar product = 0;
    if (step_order.active(b, t)) {
      const Scalar cell = !before                   ? Scalar(c(u, j))
                          : step_order.begins(b, t) ? c0[u + products.rows * b]
                                                    : Scalar(c(u, b + step_order.B * step_order.before(t)));
      product = Scalar(dz(u, j)) * cell;
    }
    products(u, j) = product;
  });
}

}  // namespace

void round_to_low(MatrixView<const float> a, bool fp16, std::uint16_t* low) {
  launch("round to 16 bits", round_kernel, per_element_config(a.rows * a.cols), a, LowPrecision{low, fp16});
}

void widen_low(const std::uint16_t* low, bool fp16, MatrixView<float> to) {
  const auto run = [&]<class Value>(const Value* values) {
    launch("widen", widen_kernel<Value>, per_element_config(to.rows * to.cols), values, to);
  };
  fp16 ? run(reinterpret_cast<const Fp16Value*>(low)) : run(reinterpret_cast<const Bf16Value*>(low));
}

template <class Scalar>
void copy_active(MatrixView<const Scalar> from, const StepOrder& step_order, MatrixView<Scalar> to) {
  launch("copy active", copy_active_kernel<Scalar>, per_element_config(to.rows * to.cols), from, step_order, to);
}

template <class Scalar>
void clear_padding(const StepOrder& step_order, MatrixView<Scalar> a) {
  launch("clear padding", clear_padding_kernel<Scalar>, per_element_config(a.rows * a.cols), step_order, a);
}

template <class Scalar>
void gather_final_state(const StepOrder& step_order, MatrixView<const Scalar> states, const Scalar* initial,
                        MatrixView<Scalar> final) {
  launch("final state", final_state_kernel<Scalar>, per_element_config(final.rows * final.cols), step_order, states,
         initial, final);
}

template <class Value>
void gather_first_steps(const StepOrder& step_order, MatrixView<const Value> steps, MatrixView<Value> first) {
  launch("first steps", first_steps_kernel<Value>, per_element_config(first.rows * first.cols), step_order, steps,
         first);
}

template <class Scalar>
void multiply_by_c(const StepOrder& step_order, bool before, bool low, const void* dz, Index dz_stride,
                   const Scalar* c0, const void* c, MatrixView<Scalar> products) {
  const Index H = products.rows, columns = products.cols;
  const auto run = [&]<class Gradient, class Saved>(const Gradient* gradients, const Saved* saved) {
    launch("multiply by c", multiply_by_c_kernel<Scalar, Gradient, Saved>, per_element_config(H * columns), step_order,
           before, MatrixView<const Gradient>{gradients, H, columns, dz_stride}, c0,
           MatrixView<const Saved>{saved, H, columns, H}, products);
  };
  if constexpr (sizeof(Scalar) == 4)
    if (low) return run(static_cast<const Bf16Value*>(dz), static_cast<const Fp16Value*>(c));
  run(static_cast<const Scalar*>(dz), static_cast<const Scalar*>(c));
}

template void multiply_by_c<float>(const StepOrder&, bool, bool, const void*, Index, const float*, const void*,
                                   MatrixView<float>);
template void multiply_by_c<double>(const StepOrder&, bool, bool, const void*, Index, const double*, const void*,
                                    MatrixView<double>);
template void copy_active<float>(MatrixView<const float>, const StepOrder&, MatrixView<float>);
template void copy_active<double>(MatrixView<const double>, const StepOrder&, MatrixView<double>);
template void clear_padding<float>(const StepOrder&, MatrixView<float>);
template void clear_padding<double>(const StepOrder&, MatrixView<double>);
template void clear_padding<std::uint16_t>(const StepOrder&, MatrixView<std::uint16_t>);
template void gather_final_state<float>(const StepOrder&, MatrixView<const float>, const float*, MatrixView<float>);
template void gather_final_state<double>(const StepOrder&, MatrixView<const double>, const double*, MatrixView<double>);
template void gather_first_steps<float>(const StepOrder&, MatrixView<const float>, MatrixView<float>);
template void gather_first_steps<double>(const StepOrder&, MatrixView<const double>, MatrixView<double>);
template void gather_first_steps<std::uint16_t>(const StepOrder&, MatrixView<const std::uint16_t>,
                                                MatrixView<std::uint16_t>);

}  // namespace rondo::inline RONDO_ABI::cuda
