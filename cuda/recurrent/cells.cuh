// SPDX-License-Identifier: MIT
// The cell of one unit of one column at one step, forward and backward, as every algorithm computes it:
//
//   load      reads the inputs that do not depend on the recurrent product, before that product
//   compute   computes the cell from them and the product
//   publish   writes the operand of the next product, before the barrier of the step
//   store     writes the rest
#pragma once

#include "../low_precision.cuh"
#include "arguments.hpp"

#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>
#include <rondo/math/cells/lstm_variants.hpp>

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

#include <cmath>
#include <type_traits>

namespace rondo::inline RONDO_ABI::cuda {

namespace device_equations {

template <class Scalar>
__host__ __device__ Scalar sigmoid(Scalar x) {
  return 1 / (1 + ::exp(-x));
}
__host__ __device__ inline float sigmoid(float x) { return 1 / (1 + ::expf(-x)); }
__host__ __device__ inline float tanh(float x) { return ::tanhf(x); }
__host__ __device__ inline double tanh(double x) { return ::tanh(x); }

/// A float whose sigmoid and tanh are approximate: errors of at most 2^-12 (absolute) and 2^-11 (relative).
struct Approximate {
  float value;
  __host__ __device__ constexpr Approximate(float x = 0) : value(x) {}
  __host__ __device__ constexpr operator float() const { return value; }
};
__host__ __device__ inline float tanh(Approximate x) { return device::approximate_tanh(x.value); }
__host__ __device__ inline float sigmoid(Approximate x) {
  return 0.5f * device::approximate_tanh(0.5f * x.value) + 0.5f;
}

template <class Cell>
struct Equations;

#include <rondo/math/cells/gru.inl>
#include <rondo/math/cells/lstm.inl>
#include <rondo/math/cells/lstm_variants.inl>

}  // namespace device_equations

/// An activation that forward saves for backward.
template <class Scalar, bool kLow>
using SavedValue = std::conditional_t<kLow, Fp16Value, Scalar>;

__device__ inline void store_low_precision(const LowPrecision& low, Index at, float value) {
  if (low.data)
    low.data[at] = low.fp16 ? device::round_to(device::Fp16{}, value) : device::round_to(device::Bf16{}, value);
}

/// The peepholes of one unit.
template <class Cell, class Scalar>
struct Peepholes {
  Scalar p[Cell::kPeepholeCount > 0 ? Cell::kPeepholeCount : 1];

  /// `all` is H x kPeepholeCount.
  __device__ void load(const Scalar* all, Index H, Index u) {
    for (int n = 0; n < Cell::kPeepholeCount; ++n) p[n] = all[u + H * n];
  }
};

/// Forward. A unit reads one element of the product R h_before per gate and has one output: h(t), or m(t) with a
/// projection. kLow: saved activations have 16 bits.
template <class Cell, class S, bool kLow = false>
struct ForwardCells {
  using Scalar = S;
  using Saved = SavedValue<Scalar, kLow>;
  static constexpr bool kBackward = false;
  static constexpr int kGates = Cell::kGates;
  static constexpr int kProductsPerUnit = Cell::kGates, kSumsPerUnit = Cell::kBlocks, kOutputsPerUnit = 1;
  ForwardArguments<Scalar> a;
  bool operator==(const ForwardCells&) const = default;

  /// `before` is the cell's own previous state: c(t-1), or h(t-1) for cells without c. In padding it is the operand of
  /// R at the next step: h0, if a sequence of a reverse pass starts there, else zero.
  struct Inputs {
    Saved z[Cell::kBlocks];
    Scalar before;
    Peepholes<Cell, Scalar> peepholes;
    bool active;
  };
  struct Results {
    Scalar gates[Cell::kBlocks], c, tanh_c, outputs[1];  // outputs: h or m
    bool active;
  };

  /// What the sums of a unit's products start from: its biases.
  __device__ void begin_sums(Index u, Scalar (&sums)[kSumsPerUnit]) const {
    for (int block = 0; block < Cell::kBlocks; ++block) sums[block] = a.bias[block * a.H + u];
  }

  /// Nothing waits for the loads before compute.
  __device__ Inputs load(Index s, Index u, Index b) const {
    const Index t = a.step_order.time(s);
    Inputs in{};
    in.active = a.step_order.active(b, t);
    if (!in.active) {
      if (!a.projection && a.step_order.holds_initial_state(b, t)) in.before = a.h0[u + a.H * b];
      return in;
    }
    const Saved* z = static_cast<const Saved*>(a.gates) + Cell::kBlocks * a.H * (b + a.step_order.B * t) + u;
    for (int block = 0; block < Cell::kBlocks; ++block) in.z[block] = z[block * a.H];
    in.peepholes.load(a.peepholes, a.H, u);
    if constexpr (Cell::kHasC)
      in.before = a.c_now[u + a.H * b];
    else
      in.before = a.step_order.begins(b, t) ? a.h0[u + a.H * b] : a.y(u, b + a.step_order.B * a.step_order.before(t));
    return in;
  }

  /// V: the type of the values of which sigmoid and tanh are computed.
  template <class V = Scalar>
  __device__ Results compute(Index, const Inputs& in, const Scalar (&sums)[kSumsPerUnit]) const {
    Results r{};
    r.active = in.active;
    if (!in.active) {
      r.outputs[0] = in.before;
      return r;
    }
    V gates[Cell::kBlocks], c{}, tanh_c{};
    for (int block = 0; block < Cell::kBlocks; ++block) gates[block] = input_product(in.z[block]) + sums[block];
    using Equations = device_equations::Equations<Cell>;
    if constexpr (Cell::kPacked) {
      Equations::forward(gates, in.before, c, tanh_c, r.outputs[0]);  // (1)-(6)
    } else {
      Equations::update(gates, in.before, c, in.peepholes.p);
      Equations::output(gates, c, c, tanh_c, r.outputs[0], in.peepholes.p);
    }
    for (int block = 0; block < Cell::kBlocks; ++block) r.gates[block] = gates[block];
    r.c = c, r.tanh_c = tanh_c;
    return r;
  }

  /// Without 16-bit operands if another function stores them.
  template <bool kWithLowPrecision = true>
  __device__ void publish(Index s, Index u, Index b, const Results& r) const {
    const Index column = b + a.step_order.B * a.step_order.time(s), state = u + a.H * b;
    if (a.projection)
      a.m[u + a.H * column] = r.outputs[0];
    else
      a.y(u, column) = r.outputs[0];  // (7)
    if constexpr (kWithLowPrecision && sizeof(Scalar) == 4)
      store_low_precision(a.projection ? a.m_low : a.h_low,
                          a.projection ? state : state + a.H * a.step_order.B * (s + 1), r.outputs[0]);
  }

  __device__ void store(Index s, Index u, Index b, const Results& r) const {
    if (!r.active) return;
    if constexpr (Cell::kHasC) a.c_now[u + a.H * b] = r.c;
    if (!a.saves) return;
    const Index column = b + a.step_order.B * a.step_order.time(s), at = u + a.H * column;
    if constexpr (Cell::kHasC) {
      static_cast<Saved*>(a.c)[at] = Saved(r.c);
      static_cast<Saved*>(a.tanh_c)[at] = Saved(r.tanh_c);
    }
    Saved* gates = static_cast<Saved*>(a.gates) + Cell::kBlocks * a.H * column + u;
    for (int block = 0; block < Cell::kBlocks; ++block) gates[block * a.H] = Saved(r.gates[block]);
  }

 private:
  /// An element of W x; with 16 bits it has the type of the operands.
  __device__ Scalar input_product(Saved z) const {
    if constexpr (kLow)
      return a.h_low.fp16 ? device::widen(device::Fp16{}, z.bits) : device::widen(device::Bf16{}, z.bits);
    else
      return z;
  }
};

/// Backward. A unit reads one element: of the product R^T dz(t+1), or of dm(t) with a projection. Its outputs are all
/// blocks of dz(t); the next product reads those of the gates. Step T, one before the first, computes the gradient of
/// the initial state and has no outputs.
template <class Cell, class S, bool kLow = false>
struct BackwardCells {
  using Scalar = S;
  using Saved = SavedValue<Scalar, kLow>;
  static constexpr bool kBackward = true;
  static constexpr int kGates = Cell::kGates;
  static constexpr int kProductsPerUnit = 1, kSumsPerUnit = 1, kOutputsPerUnit = Cell::kBlocks;
  BackwardArguments<Scalar> a;
  bool operator==(const BackwardCells&) const = default;

  struct Inputs {
    Saved gates[Cell::kBlocks], c, tanh_c;
    std::conditional_t<Cell::kHasC, Saved, Scalar> before;  // c(t-1), or h(t-1) for cells without c
    Scalar dy, dc, dh_end;
    Peepholes<Cell, Scalar> peepholes;
    bool active, ends, initial_state;
  };
  struct Results {
    Scalar outputs[Cell::kBlocks], dc, dh;  // outputs: dz
    bool active, initial_state;
  };

  __device__ void begin_sums(Index, Scalar (&sums)[1]) const { sums[0] = 0; }

  __device__ Inputs load(Index s, Index u, Index b) const {
    const StepOrder& step_order = a.step_order;
    const Index t = step_order.backward_time(s), state = u + a.H * b;
    Inputs in{};
    in.active = s < step_order.T && step_order.active(b, t);
    in.ends = !a.projection && step_order.ends(b, t);
    in.initial_state = !a.projection && step_order.holds_initial_state(b, t);
    if (in.ends) in.dh_end = a.dh_end[state];
    if (in.active || in.initial_state) in.dc = a.dc[state];
    if (!in.active) return in;
    const Index column = b + step_order.B * t, before = b + step_order.B * step_order.before(t);
    const bool begins = step_order.begins(b, t);
    const Saved* gates = static_cast<const Saved*>(a.gates) + Cell::kBlocks * a.H * column + u;
    for (int block = 0; block < Cell::kBlocks; ++block) in.gates[block] = gates[block * a.H];
    if constexpr (Cell::kHasC) {
      const Saved* const c = static_cast<const Saved*>(a.c);
      in.before = begins ? Saved(a.c0[state]) : c[u + a.H * before];
      in.tanh_c = static_cast<const Saved*>(a.tanh_c)[u + a.H * column];
      if constexpr (!Cell::kPacked) in.c = c[u + a.H * column];
    } else {
      in.before = begins ? a.h0[state] : a.y(u, before);
    }
    in.peepholes.load(a.peepholes, a.H, u);
    if (!a.projection) in.dy = a.dy(u, column);
    return in;
  }

  template <class = Scalar>
  __device__ Results compute(Index, const Inputs& in, const Scalar (&sums)[1]) const {
    Results r{};
    r.active = in.active, r.initial_state = in.initial_state;
    r.dh = in.ends ? in.dh_end : sums[0];
    if (in.initial_state && !Cell::kHasC) r.dh += in.dc;  // without c the cell's state is h
    if (!in.active) return r;
    const Scalar dh = in.dy + r.dh;  // (8) forward: y = h, and step t+1
    r.dc = in.dc;
    Scalar gates[Cell::kBlocks];
    for (int block = 0; block < Cell::kBlocks; ++block) gates[block] = in.gates[block];
    const Scalar before = in.before, tanh_c = in.tanh_c;
    using Equations = device_equations::Equations<Cell>;
    if constexpr (Cell::kPacked) {
      Equations::backward(gates, before, tanh_c, dh, r.dc, r.outputs);
    } else {
      const Scalar c = in.c;
      Peepholes<Cell, Scalar> dp{};  // of this step: BackwardPass::add_to_weights sums over all
      Equations::output_backward(gates, c, tanh_c, dh, r.dc, r.dc, r.outputs, in.peepholes.p, dp.p);
      Equations::update_backward(gates, before, r.dc, r.outputs, in.peepholes.p, dp.p);
    }
    return r;
  }

  template <bool kWithLowPrecision = true>
  __device__ void publish(Index s, Index u, Index b, const Results& r) const {
    if (s == a.step_order.T) return;
    const Index first = Cell::kBlocks * a.H * (b + a.step_order.B * a.step_order.backward_time(s)) + u;
    for (int block = 0; block < Cell::kBlocks; ++block) {
      if constexpr (!kLow)
        a.dz[first + block * a.H] = r.outputs[block];
      else if constexpr (kWithLowPrecision)
        store_low_precision(a.dz_low, first + block * a.H, r.outputs[block]);
    }
  }

  __device__ void store(Index, Index u, Index b, const Results& r) const {
    if (r.active)
      a.dc[u + a.H * b] = r.dc;
    else if (r.initial_state)
      a.dh_end[u + a.H * b] = r.dh;
  }
};

}  // namespace rondo::inline RONDO_ABI::cuda
