// SPDX-License-Identifier: MIT
// The cell of one unit of one column at one step, forward and backward, as every walk computes it:
//
//   load      what the recurrent product does not change, ahead of that product
//   compute   the cell, of that and of the product
//   hand_on   writes what the next product multiplies, before anybody is told that the step is done
//   keep      writes the rest
#pragma once

#include "arguments.hpp"

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

#include <cmath>

namespace rondo::inline v0::cuda {

namespace device_equations {

template <class Scalar>
__host__ __device__ Scalar sigmoid(Scalar x) {
  return 1 / (1 + ::exp(-x));
}
__host__ __device__ inline float sigmoid(float x) { return 1 / (1 + ::expf(-x)); }
__host__ __device__ inline float tanh(float x) { return ::tanhf(x); }
__host__ __device__ inline double tanh(double x) { return ::tanh(x); }

#include <rondo/math/lstm_equations.inl>

}  // namespace device_equations

__device__ inline void put_word(const WordsOut& words, Index at, float value) {
  if (words.data)
    words.data[at] = words.fp16 ? device::round_to(device::Fp16{}, value) : device::round_to(device::Bf16{}, value);
}

/// Forward: step s is time t = s. A unit takes four numbers of the product R h(t-1), one for each gate, and gives one
/// to the next product, h(t).
template <class S>
struct ForwardCells {
  using Scalar = S;
  static constexpr bool kBackward = false;
  static constexpr int kTaken = 4, kGiven = 1;
  ForwardArguments<Scalar> a;

  struct Inputs {
    Scalar z[4], c_before;
    bool active;
  };
  struct Results {
    Scalar gates[4], c, tanh_c, given[1];  // given: h
    bool active;
  };

  __device__ Inputs load(Index t, Index u, Index b) const {
    Inputs in{};
    in.active = !a.lengths || t < a.lengths[b];
    if (!in.active) return in;
    const Scalar* z = a.gates + 4 * a.H * (b + a.B * t) + u;
    for (int gate = 0; gate < 4; ++gate) in.z[gate] = z[gate * a.H] + a.bias[gate * a.H + u];
    in.c_before = t > 0 ? a.c[u + a.H * (b + a.B * (t - 1))] : a.c0[u + a.H * b];
    return in;
  }

  __device__ Results compute(Index, const Inputs& in, const Scalar (&product)[4]) const {
    Results r{};
    r.active = in.active;
    if (!in.active) return r;
    Scalar(&z)[4] = r.gates;
    for (int gate = 0; gate < 4; ++gate) z[gate] = in.z[gate] + product[gate];
    device_equations::lstm_cell(z[0], z[1], z[2], z[3], in.c_before, r.c, r.tanh_c, r.given[0]);  // (1)-(6)
    return r;
  }

  __device__ void hand_on(Index t, Index u, Index b, const Results& r) const {
    const Index at = u + a.H * (b + a.B * t);
    a.y[at] = r.given[0];  // (7)
    if constexpr (sizeof(Scalar) == 4) put_word(a.h_words, at + a.H * a.B, r.given[0]);
  }

  __device__ void keep(Index t, Index u, Index b, const Results& r) const {
    const Index at = u + a.H * (b + a.B * t);
    a.c[at] = r.c;
    if (!r.active) return;
    a.tanh_c[at] = r.tanh_c;
    Scalar* gates = a.gates + 4 * a.H * (b + a.B * t) + u;
    for (int gate = 0; gate < 4; ++gate) gates[gate * a.H] = r.gates[gate];
  }
};

/// Backward: step s is time t = T - 1 - s. A unit takes one number of the product R^T dz(t+1), and gives the four of
/// dz(t) to the next. Step T is the one before the first: it takes the gradient of the initial state and gives nothing.
template <class S>
struct BackwardCells {
  using Scalar = S;
  static constexpr bool kBackward = true;
  static constexpr int kTaken = 1, kGiven = 4;
  BackwardArguments<Scalar> a;

  struct Inputs {
    Scalar gates[4], c_before, tanh_c, dy, dc, dh_end;
    bool active, at_end;
  };
  struct Results {
    Scalar given[4], dc, dh;  // given: dz
    bool active;
  };

  __device__ Inputs load(Index s, Index u, Index b) const {
    const Index t = a.T - 1 - s, length = a.lengths ? a.lengths[b] : a.T, state = u + a.H * b;
    Inputs in{};
    in.active = t < length;
    in.at_end = t + 1 == length;  // the walk enters this sequence at its last step
    if (in.at_end) in.dh_end = a.dh_end[state];
    if (!in.active || t < 0) return in;
    const Index at = state + a.H * a.B * t;
    const Scalar* gates = a.gates + 4 * a.H * (b + a.B * t) + u;
    for (int gate = 0; gate < 4; ++gate) in.gates[gate] = gates[gate * a.H];
    in.c_before = t > 0 ? a.c[at - a.H * a.B] : a.c0[state];
    in.tanh_c = a.tanh_c[at];
    in.dy = a.dy[at];
    in.dc = a.dc[state];
    return in;
  }

  __device__ Results compute(Index s, const Inputs& in, const Scalar (&product)[1]) const {
    Results r{};
    r.active = in.active;
    r.dh = in.at_end ? in.dh_end : product[0];
    if (!in.active || s == a.T) return r;
    const Scalar dh = in.dy + r.dh;  // (8) forward: y = h, and step t+1
    r.dc = in.dc;
    Scalar(&dz)[4] = r.given;
    device_equations::lstm_cell_backward(in.gates[0], in.gates[1], in.gates[2], in.gates[3], in.c_before, in.tanh_c, dh,
                                         r.dc, dz[0], dz[1], dz[2], dz[3]);
    return r;
  }

  __device__ void hand_on(Index s, Index u, Index b, const Results& r) const {
    if (s == a.T) return;
    for (int gate = 0; gate < 4; ++gate) {
      const Index at = 4 * a.H * (b + a.B * (a.T - 1 - s)) + gate * a.H + u;
      a.dz[at] = r.given[gate];
      if constexpr (sizeof(Scalar) == 4) put_word(a.dz_words, at, r.given[gate]);
    }
  }

  __device__ void keep(Index s, Index u, Index b, const Results& r) const {
    if (s == a.T)
      a.dh[u + a.H * b] = r.dh;
    else if (r.active)
      a.dc[u + a.H * b] = r.dc;
  }
};

}  // namespace rondo::inline v0::cuda
