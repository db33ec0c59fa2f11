// SPDX-License-Identifier: MIT
// A level's table: no include guard, no includes.

template <class P>
inline constexpr ProductKernels<typename P::Word> kProductKernels{
    pack<P>,      pack_gates<P>,         multiply_packed<P>, project_gates<P>,
    lstm_step<P>, lstm_step_backward<P>, add_gradients<P>};

inline constexpr Kernels kKernels{kLanes, kPanelRows, multiply, {softmax, adam, sum_of_squares}, kProductKernels<Fp32>};
