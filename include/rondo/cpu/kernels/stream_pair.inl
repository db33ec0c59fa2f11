// SPDX-License-Identifier: MIT
// A block of steps of two small layers, for every level and cell: no include guard, no includes. The first layer at
// step t and the second at step t - 1 do not depend on each other, so their chains overlap; the rotations of the
// first's h serve both, and the second's inputs stay in registers.

/// Two layers whose padded H is kUnits, in one register of units.
template <class Cell, class Tanh, int kUnits>
struct StreamPair {
  static constexpr int kGroups = (kUnits % kLanes == 0 ? kLanes : kUnits) / 4;
  static constexpr bool kTogether = kLanes == 16;  // enough registers for the sums of both
  static constexpr long kProducts = kUnits * 4 * kLanes;

  using Sums = Vector[4][2];

  /// Calls f(product, value) for each rotation of h.
  template <class F>
  [[gnu::always_inline]] static void for_each_rotation(Vector h, F&& f) {
    unroll<kGroups>([&](auto group) __attribute__((always_inline)) {
      const Vector rotated = rotate_groups<kGroups, group>(h);
      unroll<4>([&](auto lane) __attribute__((always_inline)) {
        f(std::integral_constant<int, 4 * group + lane>{}, rotate_in_groups<lane>(rotated));
      });
    });
  }

  /// Adds one product to the sums of kBlocks blocks.
  template <int kProduct, int kBlocks>
  [[gnu::always_inline]] static void add(const float* weights, Vector value, Sums& sum) {
#pragma GCC unroll 4
    for (int q = 0; q < kBlocks; ++q)
      sum[q][kProduct % 2] = multiply_add(load(weights + (kProduct * 4 + q) * kLanes), value, sum[q][kProduct % 2]);
  }

  [[gnu::always_inline]] static void finish(const Tanh& tanh, const Sums& sum, Vector& c, Vector& h) {
    Vector v[4];
    unroll<4>([&](auto q) __attribute__((always_inline)) {
      v[q] = sum[q][0] + sum[q][1];
      if constexpr (StreamCell<Cell>::kHasFunction[q]) v[q] = tanh(v[q]);
    });
    StreamCell<Cell>::update(tanh, v, c, h);
  }

  struct State {
    Vector h, c;
  };

  /// The first layer at step t, if kFirst, and the second at step t - 1, if kSecond.
  template <bool kFirst, bool kSecond>
  [[gnu::always_inline]] static void step(const StreamData& first, const StreamData& second, const StreamBlock& block,
                                          const float* bias, const Tanh& tanh, long t, State& a, State& b) {
    const State before = a;
    Sums sum, next;
    const auto start_first = [&]() __attribute__((always_inline)) {
      const Vector x = broadcast_input(block.x[t * block.x_step]);
      unroll<4>([&](auto q) __attribute__((always_inline)) {
        sum[q][0] =
            multiply_add(load(first.last_column + q * kLanes), x, load(block.z + t * first.z_step + q * kLanes));
        sum[q][1] = Vector{};
      });
    };
    const auto start_second = [&]() __attribute__((always_inline)) {
      unroll<4>([&](auto q) __attribute__((always_inline)) {
        next[q][0] = load(bias + q * kLanes);
        next[q][1] = Vector{};
      });
    };
    if constexpr (kTogether) {
      if constexpr (kFirst) start_first();
      if constexpr (kSecond) start_second();
      for_each_rotation(
          before.h, [&](auto product, Vector value) __attribute__((always_inline)) {
            if constexpr (kFirst) add<product, Cell::kGates>(first.weights, value, sum);
            if constexpr (kSecond) add<product, 4>(second.weights, value, next);
          });
      if constexpr (kFirst) finish(tanh, sum, a.c, a.h);
    } else {
      if constexpr (kFirst) {
        start_first();
        for_each_rotation(
            opaque(before.h), [&](auto product, Vector value) __attribute__((always_inline)) {
              add<product, Cell::kGates>(first.weights, value, sum);
            });
        finish(tanh, sum, a.c, a.h);
      }
      if constexpr (kSecond) {
        start_second();
        for_each_rotation(
            opaque(before.h), [&](auto product, Vector value)
                                  __attribute__((always_inline)) { add<product, 4>(second.weights, value, next); });
      }
    }
    if constexpr (kSecond) {
      for_each_rotation(
          b.h, [&](auto product, Vector value) __attribute__((always_inline)) {
            add<product, Cell::kGates>(second.weights + kProducts, value, next);
          });
      finish(tanh, next, b.c, b.h);
      if (second.out != nullptr) store(second.out + (t - 1) * second.out_step, b.h);
      if (second.head != nullptr) block.y[t - 1] = second.head_bias + sum_of_lanes(b.h * load(second.head));
    }
  }

  static void run(const StreamData& first, const StreamData& second, long steps, const float* x, long x_step,
                  const float* z, const float* bias, float* y) {
    const StreamBlock block{steps, x, x_step, z, y};
    const Tanh tanh;
    State a{load(first.h), Cell::kHasC ? load(first.c) : Vector{}};
    State b{load(second.h), Cell::kHasC ? load(second.c) : Vector{}};
    step<true, false>(first, second, block, bias, tanh, 0, a, b);
    for (long t = 1; t < steps; ++t) step<true, true>(first, second, block, bias, tanh, t, a, b);
    step<false, true>(first, second, block, bias, tanh, steps, a, b);
    store(first.h, a.h), store(second.h, b.h);
    if constexpr (Cell::kHasC) store(first.c, a.c), store(second.c, b.c);
  }
};
