// SPDX-License-Identifier: MIT
// A block of steps of a small layer, for every level and cell: no include guard, no includes. The state stays in
// registers. The product R h needs no broadcast of h, hence no store and no load: h is rotated, and the weights of each
// rotation are a diagonal of R (cpu/stream_layout.hpp). docs/04-cpu-kernels.md, "Streaming".

/// Calls f(0) .. f(kCount - 1) with constants.
template <class F, int... kIndex>
[[gnu::always_inline]] inline void unroll(std::integer_sequence<int, kIndex...>, F&& f) {
  (f(std::integral_constant<int, kIndex>{}), ...);
}
template <int kCount, class F>
[[gnu::always_inline]] inline void unroll(F&& f) {
  unroll(std::make_integer_sequence<int, kCount>{}, f);
}

/// One step of a layer whose padded H is kUnits.
template <class Cell, class Tanh, int kUnits>
struct StreamRotation {
  static constexpr StreamLayout kLayout{kLanes, kUnits, true};
  static constexpr int kFull = kLayout.full(), kRest = kLayout.rest(), kSplit = kLayout.split();
  static constexpr int kFamilies = kLayout.families(), kVectors = kLayout.vectors();
  // Chains of multiply-adds of each row: as many as registers allow.
  static constexpr int kChains = kFamilies == 1 && kLanes == 16 ? 4 : 2;

  using Sums = Vector[kVectors][kChains];
  using State = Registers<kFamilies>;

  /// Whether register v of the rows has a recurrent product.
  static constexpr bool recurrent(int v) { return Cell::kGates == 4 || kLayout.block(v, 0) < Cell::kGates; }

  /// Calls set(v, b + W x of register v of the rows).
  template <class F>
  [[gnu::always_inline]] static void start(const StreamData& s, const StreamBlock& block, long row, F&& set) {
    const float* const z = block.z + row * s.z_step;
    const Vector x = broadcast_input(block.x[row * block.x_step]);
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) set(v, multiply_add(load(s.last_column + v * kLanes), x, load(z + v * kLanes)));
  }

  /// Adds rows [kFirst, kFirst + kCount) of the products with one family of h. kStarts: the family that comes first.
  template <int kFamily, int kFirst, int kCount, bool kStarts>
  [[gnu::always_inline]] static void add_family(const float* weights, Vector h, Sums& sum) {
    constexpr int kGroups = (kFamily < kFull ? kLanes : kRest) / 4;
    unroll<kGroups>([&](auto group) __attribute__((always_inline)) {
      const Vector rotated = rotate_groups<kGroups, group>(h);
      unroll<4>([&](auto lane) __attribute__((always_inline)) {
        constexpr int kRotation = 4 * group + lane, kChain = lane % kChains;
        const Vector value = rotate_in_groups<lane>(rotated);
#pragma GCC unroll 16
        for (int v = kFirst; v < kFirst + kCount; ++v) {
          if (!recurrent(v)) continue;
          const Vector w = load(weights + ((kFamily * kLanes + kRotation) * kVectors + v) * kLanes);
          if (kStarts && kRotation < kChains && kChain > 0)
            sum[v][kChain] = w * value;
          else
            sum[v][kChain] = multiply_add(w, value, sum[v][kChain]);
        }
      });
    });
  }

  template <int v>
  [[gnu::always_inline]] static Vector total(const Sums& sum) {
    if constexpr (!recurrent(v) || kChains == 1)
      return sum[v][0];
    else if constexpr (kChains == 2)
      return sum[v][0] + sum[v][1];
    else
      return (sum[v][0] + sum[v][1]) + (sum[v][2] + sum[v][3]);
  }

  struct Gates {
    Vector linear[kVectors], nonlinear[kVectors];
  };

  /// The nonlinearity of register v of the rows.
  template <int v>
  [[gnu::always_inline]] static void apply(const Tanh& tanh, const Sums& sum, Gates& gates) {
    gates.linear[v] = total<v>(sum);
    if constexpr (StreamCell<Cell>::kHasFunction[kLayout.block(v, 0)]) gates.nonlinear[v] = tanh(gates.linear[v]);
  }

  /// Cell update of all families, operation by operation.
  [[gnu::always_inline]] static void update(const Tanh& tanh, const Gates& gates, State& c, State& h) {
    State z[4];
    unroll<kFamilies>([&](auto family) __attribute__((always_inline)) {
      constexpr int kParts = family < kFull ? 1 : kSplit;
      unroll<4>([&](auto q) __attribute__((always_inline)) {
        constexpr int v = 4 * family + q / kParts;
        if constexpr (StreamCell<Cell>::kHasFunction[q])
          z[q].v[family] = repeat_part<kParts, q % kParts>(gates.nonlinear[v]);
        else
          z[q].v[family] = repeat_part<kParts, q % kParts>(gates.linear[v]);
      });
    });
    StreamCell<Cell>::update(tanh, z, c, h);
  }

  [[gnu::always_inline]] static void step(const StreamData& s, const StreamBlock& block, const Tanh& tanh, long row,
                                          State& h, State& c) {
    Sums sum;
    // In single steps x may depend on the last output, which takes longer than h: whole registers add it after
    // products.
    constexpr bool kLateInput = kFamilies > 1 && kRest == 0;
    [[maybe_unused]] const Vector x = broadcast_input(block.x[row * block.x_step]);
    if constexpr (kLateInput) {
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sum[v][0] = load(block.z + row * s.z_step + v * kLanes);
    } else {
      start(
          s, block, row, [&](int v, Vector z) __attribute__((always_inline)) { sum[v][0] = z; });
    }
    Gates gates;
    const auto apply_rows = [&](auto first, auto count) __attribute__((always_inline)) {
      unroll<count>([&](auto i) __attribute__((always_inline)) { apply<first + i>(tanh, sum, gates); });
    };
    if constexpr (kChains == 4) {  // the output gate is needed last
      add_family<0, 0, 3, true>(s.weights, h.v[0], sum);
      add_family<0, 3, 1, true>(s.weights, h.v[0], sum);
    } else if constexpr (kFamilies == 1) {
      add_family<0, 0, kVectors, true>(s.weights, h.v[0], sum);
    } else {  // rows of one register of units at a time
      unroll<kFamilies>([&](auto rows) __attribute__((always_inline)) {
        constexpr int kFirst = 4 * rows, kCount = rows < kFull ? 4 : 4 / kSplit;
        if constexpr (kRest > 0) add_family<kFull, kFirst, kCount, true>(s.weights, opaque(h.v[kFull]), sum);
        unroll<kFull>([&](auto family) __attribute__((always_inline)) {
          add_family<family, kFirst, kCount, kRest == 0 && family == 0>(s.weights, opaque(h.v[family]), sum);
          if constexpr (kLateInput && family == 0)
#pragma GCC unroll 16
            for (int v = kFirst; v < kFirst + kCount; ++v)
              sum[v][0] = multiply_add(load(s.last_column + v * kLanes), x, sum[v][0]);
        });
        apply_rows(std::integral_constant<int, kFirst>{}, std::integral_constant<int, kCount>{});
      });
    }
    // All nonlinearities together: a processor's window of instructions is shorter than two of them.
    if constexpr (kFamilies == 1) apply_rows(std::integral_constant<int, 0>{}, std::integral_constant<int, kVectors>{});
    update(tanh, gates, c, h);
    finish(s, block, row, h);
  }

  /// Outputs of one step.
  [[gnu::always_inline]] static void finish(const StreamData& s, const StreamBlock& block, long row, const State& h) {
    if (s.out != nullptr)
      unroll<kFamilies>([&](auto family) __attribute__((always_inline)) {
        store(s.out + row * s.out_step + family * kLanes, h.v[family]);
      });
    if (s.head != nullptr) {
      Vector products = h.v[0] * load(s.head);
      unroll<kFamilies - 1>([&](auto i) __attribute__((always_inline)) {
        products = multiply_add(h.v[i + 1], load(s.head + (i + 1) * kLanes), products);
      });
      block.y[row] = s.head_bias + sum_of_lanes(products);
    }
  }

  [[gnu::always_inline]] static void load_state(const StreamData& s, long voice, State& h, State& c) {
    unroll<kFamilies>([&](auto family) __attribute__((always_inline)) {
      h.v[family] = load(s.h + voice * s.state_step + family * kLanes);
      if constexpr (Cell::kHasC) c.v[family] = load(s.c + voice * s.state_step + family * kLanes);
    });
  }
  [[gnu::always_inline]] static void store_state(const StreamData& s, long voice, const State& h, const State& c) {
    unroll<kFamilies>([&](auto family) __attribute__((always_inline)) {
      store(s.h + voice * s.state_step + family * kLanes, h.v[family]);
      if constexpr (Cell::kHasC) store(s.c + voice * s.state_step + family * kLanes, c.v[family]);
    });
  }

  /// All voices. One voice keeps its state in registers; several take each step together, and the processor overlaps
  /// their chains.
  static void run(const StreamData& s, long steps, const float* x, long x_step, const float* z, float* y) {
    const StreamBlock block{steps, x, x_step, z, y};
    const Tanh tanh;
    const long at_once = s.voices == 1 ? steps : 1;
    for (long first = 0; first < steps; first += at_once)
      for (long voice = 0; voice < s.voices; ++voice) {
        State h, c;
        load_state(s, voice, h, c);
        for (long t = first; t < first + at_once; ++t) step(s, block, tanh, t * s.voices + voice, h, c);
        store_state(s, voice, h, c);
      }
  }
};
