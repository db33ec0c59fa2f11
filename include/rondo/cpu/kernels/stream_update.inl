// SPDX-License-Identifier: MIT
// The end of a step of layers of any size, for every level: no include guard, no includes.

/// The output of a linear layer for h of one row.
[[gnu::always_inline]] inline float stream_head(const StreamData& s, const float* h, long padded) {
  Vector products = {};
  for (long unit = 0; unit < padded; unit += kLanes)
    products = multiply_add(load(h + unit), load(s.head + unit), products);
  return s.head_bias + sum_of_lanes(products);
}

/// The cells of kCount registers of units, after the sums of their blocks. kDone: those of the first registers have
/// passed their functions. out: not used if s.out is null.
template <class Cell, int kCount, int kDone, class Tanh>
[[gnu::always_inline]] inline void stream_update_units(const StreamData& s, const Tanh& tanh, const Vector (*sum)[4],
                                                       const float* before, float* after, float* state, float* out) {
  using V = Registers<kCount>;
  const auto load_all = [](const float* from, V& to) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) to.v[i] = load(from + i * kLanes);
  };
  const auto store_all = [](float* to, const V& from) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) store(to + i * kLanes, from.v[i]);
  };
  V v[4];
#pragma GCC unroll 4
  for (int q = 0; q < 4; ++q) {
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) v[q].v[i] = sum[i][q];
    if (!StreamCell<Cell>::kHasFunction[q]) continue;
    Registers<kCount - kDone> others;
#pragma GCC unroll 4
    for (int i = kDone; i < kCount; ++i) others.v[i - kDone] = sum[i][q];
    others = tanh(others);
#pragma GCC unroll 4
    for (int i = kDone; i < kCount; ++i) v[q].v[i] = others.v[i - kDone];
  }
  V c = {}, h;
  load_all(before, h);
  if constexpr (Cell::kHasC) load_all(state, c);
  StreamCell<Cell>::update(tanh, v, c, h);
  if constexpr (Cell::kHasC) store_all(state, c);
  store_all(after, h);
  if (s.out != nullptr) store_all(out, h);
}
