// SPDX-License-Identifier: MIT
// The end of a step of layers of any size, for every level: no include guard, no includes.

/// The output of a linear layer for h of one row.
[[gnu::always_inline]] inline float stream_head(const StreamData& s, const float* h, long padded) {
  Vector products = {};
  for (long unit = 0; unit < padded; unit += kLanes)
    products = multiply_add(load(h + unit), load(s.head + unit), products);
  return s.head_bias + sum_of_lanes(products);
}

/// The cells of one register of units, after the sums of its blocks. out: not used if s.out is null.
template <class Cell, class Tanh>
[[gnu::always_inline]] inline void stream_update_units(const StreamData& s, const Tanh& tanh, Vector (&sum)[4],
                                                       const float* before, float* after, float* state, float* out) {
#pragma GCC unroll 4
  for (int q = 0; q < 4; ++q)
    if (StreamCell<Cell>::kHasFunction[q]) sum[q] = tanh(sum[q]);
  Vector c = {}, h = load(before);
  if constexpr (Cell::kHasC) c = load(state);
  StreamCell<Cell>::update(tanh, sum, c, h);
  if constexpr (Cell::kHasC) store(state, c);
  store(after, h);
  if (s.out != nullptr) store(out, h);
}
