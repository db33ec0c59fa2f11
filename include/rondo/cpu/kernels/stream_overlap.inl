// SPDX-License-Identifier: MIT
// A block of steps of a small layer of several registers of units, for levels with 32 registers: no include guard, no
// includes. The units are two parts, `late`, the last whole register, and `early`, the others, so that the cells of one
// part stand beside products that do not need them, and the processor computes both at a time:
//   products of all rows with the early part of h(t-1), and the cells of the late part at step t-1;
//   products of the early rows with the late part of h(t-1);
//   products of the late rows with it, and the cells of the early part at step t.
// A single step has nothing to overlap and computes all cells together. Sums have the same order in both.

template <class Cell, class Tanh, int kUnits>
struct StreamOverlap {
  using Rotation = StreamRotation<Cell, Tanh, kUnits>;
  static constexpr StreamLayout kLayout = Rotation::kLayout;
  static constexpr int kFull = kLayout.full(), kRest = kLayout.rest(), kSplit = kLayout.split();
  static constexpr int kFamilies = kLayout.families(), kVectors = kLayout.vectors();
  static constexpr int kLate = kFull - 1, kEarlyFamilies = kFamilies - 1;

  // Where cells stand among products, and chains of multiply-adds: measured, docs/13-streaming.md.
  static constexpr int kEarlyGatesAt = 2, kEarlyCellsAt = 9, kLateCellsAt = kRest > 0 ? kRest / 2 : 6;

  using Sums = Vector[kVectors];
  using State = typename Rotation::State;

  /// Family i of the early part: the remainder is the first.
  static constexpr int early_family(int i) { return kRest == 0 ? i : i == 0 ? kFull : i - 1; }

  enum class Rows { early, late, all };
  static constexpr bool among(Rows rows, int v) {
    return rows == Rows::all || (v / 4 == kLate) == (rows == Rows::late);
  }
  /// Chains of register v of the rows, in the products with one family of h.
  static constexpr int chains(int family, int v) {
    return kVectors > 8 ? 1 : kVectors == 5 && family == kLate && v / 4 != kLate ? 4 : 2;
  }

  /// Adds the products of kRows with one family of h. Calls between(n) after product n, a constant.
  template <int kFamily, Rows kRows, class F>
  [[gnu::always_inline]] static void add_family(const StreamData& s, const State& h, Sums& sum, F&& between) {
    constexpr int kGroups = (kFamily < kFull ? kLanes : kRest) / 4;
    const Vector of_family = opaque(h.v[kFamily]);  // or the rotations would be kept, and fill the registers
    Vector part[kVectors][4];
    unroll<kGroups>([&](auto group) __attribute__((always_inline)) {
      const Vector rotated = rotate_groups<kGroups, group>(of_family);
      unroll<4>([&](auto lane) __attribute__((always_inline)) {
        constexpr int kProduct = 4 * group + lane;
        const Vector value = rotate_in_groups<lane>(rotated);
        unroll<kVectors>([&](auto v) __attribute__((always_inline)) {
          if constexpr (among(kRows, v) && Rotation::recurrent(v)) {
            constexpr int kChain = kProduct % chains(kFamily, v);
            const Vector w = load(s.weights + ((kFamily * kLanes + kProduct) * kVectors + v) * kLanes);
            if constexpr (kChain == 0)
              sum[v] = multiply_add(w, value, sum[v]);
            else if constexpr (kProduct == kChain)
              part[v][kChain] = w * value;
            else
              part[v][kChain] = multiply_add(w, value, part[v][kChain]);
          }
        });
        between(std::integral_constant<int, kProduct>{});
      });
    });
    unroll<kVectors>([&](auto v) __attribute__((always_inline)) {
      if constexpr (among(kRows, v) && Rotation::recurrent(v)) {
        if constexpr (chains(kFamily, v) == 2) sum[v] += part[v][1];
        if constexpr (chains(kFamily, v) == 4) sum[v] = (sum[v] + part[v][1]) + (part[v][2] + part[v][3]);
      }
    });
  }
  static constexpr auto kNothing = [](auto) {};

  /// Adds the products of all rows with the early part of h, as add_family.
  template <class F>
  [[gnu::always_inline]] static void add_early(const StreamData& s, const State& h, Sums& sum, F&& between) {
    add_family<early_family(0), Rows::all>(s, h, sum, between);
    if constexpr (kEarlyFamilies > 1) add_family<early_family(1), Rows::all>(s, h, sum, kNothing);
  }

  struct Gates {
    Vector linear[kVectors], nonlinear[kVectors];
  };

  template <int kFamily>
  [[gnu::always_inline]] static void apply(const Tanh& tanh, const Sums& sum, Gates& gates) {
    constexpr int kCount = kFamily < kFull ? 4 : 4 / kSplit;
    unroll<kCount>([&](auto i) __attribute__((always_inline)) {
      constexpr int v = 4 * kFamily + i;
      gates.linear[v] = sum[v];
      if constexpr (StreamCell<Cell>::kHasFunction[kLayout.block(v, 0)]) gates.nonlinear[v] = tanh(sum[v]);
    });
  }
  /// Block q of a family.
  template <int kFamily, int q>
  [[gnu::always_inline]] static Vector block_of(const Gates& gates) {
    constexpr int kParts = kFamily < kFull ? 1 : kSplit, v = 4 * kFamily + q / kParts;
    if constexpr (StreamCell<Cell>::kHasFunction[q])
      return repeat_part<kParts, q % kParts>(gates.nonlinear[v]);
    else
      return repeat_part<kParts, q % kParts>(gates.linear[v]);
  }
  template <int kFamily>
  [[gnu::always_inline]] static void update(const Tanh& tanh, const Gates& gates, State& c, State& h) {
    const Vector z[4] = {block_of<kFamily, 0>(gates), block_of<kFamily, 1>(gates), block_of<kFamily, 2>(gates),
                         block_of<kFamily, 3>(gates)};
    StreamCell<Cell>::update(tanh, z, c.v[kFamily], h.v[kFamily]);
  }

  [[gnu::always_inline]] static void start(const StreamData& s, const StreamBlock& block, long row, Sums& sum) {
    Rotation::start(
        s, block, row, [&](int v, Vector z) __attribute__((always_inline)) { sum[v] = z; });
  }

  [[gnu::always_inline]] static void block_of_steps(const StreamData& s, const StreamBlock& block, const Tanh& tanh,
                                                    long voice, State& h, State& c) {
    const auto row = [&](long t) __attribute__((always_inline)) { return t * s.voices + voice; };
    const auto for_early = [](auto&& f) __attribute__((always_inline)) {
      unroll<kEarlyFamilies>([&](auto i)
                                 __attribute__((always_inline)) { f(std::integral_constant<int, early_family(i)>{}); });
    };
    Sums sum;
    start(s, block, row(0), sum);
    add_early(s, h, sum, kNothing);
    for (long t = 0;; ++t) {
      Gates gates;
      add_family<kLate, Rows::early>(s, h, sum, kNothing);
      add_family<kLate, Rows::late>(
          s, h, sum, [&](auto n) __attribute__((always_inline)) {
            if constexpr (n == kEarlyGatesAt)
              for_early([&](auto family) __attribute__((always_inline)) { apply<family>(tanh, sum, gates); });
            if constexpr (n == kEarlyCellsAt)
              for_early([&](auto family) __attribute__((always_inline)) { update<family>(tanh, gates, c, h); });
          });
      if (t + 1 == block.steps) break;
      Sums next;
      start(s, block, row(t + 1), next);
      add_early(
          s, h, next, [&](auto n) __attribute__((always_inline)) {
            if constexpr (n == 0) apply<kLate>(tanh, sum, gates);
            if constexpr (n == kLateCellsAt) update<kLate>(tanh, gates, c, h);
          });
      Rotation::finish(s, block, row(t), h);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sum[v] = next[v];
    }
    Gates gates;
    apply<kLate>(tanh, sum, gates);
    update<kLate>(tanh, gates, c, h);
    Rotation::finish(s, block, row(block.steps - 1), h);
  }

  [[gnu::always_inline]] static void single_step(const StreamData& s, const StreamBlock& block, const Tanh& tanh,
                                                 long row, State& h, State& c) {
    Sums sum;
    start(s, block, row, sum);
    add_early(s, h, sum, kNothing);
    add_family<kLate, Rows::all>(s, h, sum, kNothing);
    Gates gates;
    State z[4];
    unroll<kFamilies>([&](auto family) __attribute__((always_inline)) { apply<family>(tanh, sum, gates); });
    unroll<kFamilies>([&](auto family) __attribute__((always_inline)) {
      unroll<4>([&](auto q) __attribute__((always_inline)) { z[q].v[family] = block_of<family, q>(gates); });
    });
    StreamCell<Cell>::update(tanh, z, c, h);
    Rotation::finish(s, block, row, h);
  }

  /// One voice after the other, each with its state in registers.
  static void run(const StreamData& s, long steps, const float* x, long x_step, const float* z, float* y) {
    const StreamBlock block{steps, x, x_step, z, y};
    const Tanh tanh;
    for (long voice = 0; voice < s.voices; ++voice) {
      State h, c;
      Rotation::load_state(s, voice, h, c);
      if (steps > 1)
        block_of_steps(s, block, tanh, voice, h, c);
      else
        single_step(s, block, tanh, voice, h, c);
      Rotation::store_state(s, voice, h, c);
    }
  }
};
