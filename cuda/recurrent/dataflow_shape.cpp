// SPDX-License-Identifier: MIT
#include "dataflow_shape.hpp"

#include <algorithm>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

/// Sets the number of columns at once and the sizes that depend on it. Returns whether the layer fits.
bool set_columns(DataflowShape& s, Precision precision, bool backward, int columns, std::size_t shared_bytes) {
  PersistentShape& p = s.product;
  p.columns = columns;
  p.vectors = bytes(columns, p.pitch, 1, element_bytes(precision));
  p.partial = bytes(p.splits * columns + (backward ? 0 : 1), 1, p.row_pitch, 4);
  s.received = bytes(2 * p.blocks, columns, s.block_units * s.products, 4);
  return s.block_units * columns <= kCells * kPersistentThreads && s.shared() <= shared_bytes;
}

}  // namespace

std::optional<DataflowShape> dataflow_shape(Precision precision, bool backward, int gates, Index H, Index B,
                                            int clusters, int blocks, std::size_t shared_bytes) {
  const int wide = 16 / element_bytes(precision);  // elements of a load
  if (H < 1 || H > (1 << 16) || H % wide != 0 || clusters < 1 || blocks < 1) return std::nullopt;
  const int hidden = static_cast<int>(H);
  DataflowShape s;
  s.block_units = round_up(ceil_div(hidden, clusters * blocks), 2);
  s.products = backward ? 1 : 4;
  PersistentShape& p = s.product;
  p.hidden = hidden;
  p.parts = backward ? gates : 1;
  p.blocks = blocks;
  p.units = blocks * s.block_units;
  p.padded = round_up(ceil_div(hidden, blocks), wide);
  if ((blocks - 1) * p.padded >= hidden) return std::nullopt;  // a block without a part of the depth
  s.loads = Divisor(p.padded / wide);
  s.packets = Divisor(p.units * s.products / packet_sums(s.products));
  s.units = Divisor(s.block_units);
  s.clusters = ceil_div(hidden, p.units);
  if (!partition_product(p, precision, s.products * p.units, p.parts * p.padded)) return std::nullopt;
  for (int n = static_cast<int>(std::min(B, kMaxColumns)); n >= 1; --n)
    if (set_columns(s, precision, backward, n, shared_bytes)) {
      const Index groups = (B + n - 1) / n;  // of equal size, up to one column
      set_columns(s, precision, backward, static_cast<int>((B + groups - 1) / groups), shared_bytes);
      return s;
    }
  return std::nullopt;
}

}  // namespace rondo::inline RONDO_ABI::cuda
