// SPDX-License-Identifier: MIT
#include "persistent_shape.hpp"

#include <algorithm>
#include <numeric>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

/// Partition for FMA: `lanes` lanes per quad of rows, and as many splits of the depth as there are threads and k's for.
void partition_for_fma(PersistentShape& s, int rows, int depth) {
  s.rows = round_up(rows, 4);
  const int quads = s.rows / 4;
  s.lanes = quads <= kWarps ? 32 : 4;
  s.splits = std::max(std::min(kPersistentThreads / quads, ceil_div(depth, 4)) / s.lanes, 1);
  const int parts = s.splits * s.lanes;
  s.depth = round_up(depth, 4 * parts);
  const int slice = s.depth / parts;
  s.weights = bytes(std::max(slice - kFmaRegisterWeights, 0), parts, s.rows, 4);
  s.pitch = s.depth + 4;
}

/// Sets the partition of the `rest` rows of tiles that remain after all warps have `rounds` whole ones. Returns the
/// cycles of a product, roughly: those of the tiles of the warp that has most, one after the other in its chains, or
/// those to read all tiles in shared memory, if that takes longer.
int split_rest(PersistentShape& s, Precision precision, int rounds, int rest, int groups, int teams, int splits) {
  s.teams = teams;
  s.tiles = groups * kTileGroup;
  s.split_tiles = ceil_div(groups, splits) * kTileGroup;
  s.splits = ceil_div(s.tiles, s.split_tiles);
  s.depth = s.splits * s.split_tiles * tile_depth(precision);
  const int with_split = teams * s.splits, holding = rounds > 0 ? kWarps : with_split;
  // the first item of each warp holds tiles in registers
  const int in_registers = holding * std::min(rounds > 0 ? s.tiles : s.split_tiles, register_tiles(precision));
  const int in_shared = rounds * kWarps * s.tiles + rest * s.splits * s.split_tiles - in_registers;
  s.weights = bytes(in_shared, 32, 4, 4);
  constexpr int kCyclesOfTile = 16, kCyclesToRead = 4;
  return std::max(kCyclesOfTile * tiles_per_warp(s), kCyclesToRead * in_shared);
}

/// Partition for tiles of 16 rows, in groups of kTileGroup tiles of the depth. Each warp takes the same number of whole
/// rows of tiles. The depth of the rows that remain is split: either each warp has a split of one row, or all warps
/// have equally many splits, which are smaller, so that fewer tiles of the first one are in registers.
void partition_for_tiles(PersistentShape& s, Precision precision, int rows, int depth) {
  s.rows = round_up(rows, 16);
  const int rounds = s.rows / 16 / kWarps, rest = s.rows / 16 % kWarps;
  s.whole_rows = rounds * kWarps * 16;
  const int groups = ceil_div(depth, tile_depth(precision) * kTileGroup);
  if (rest == 0) {
    split_rest(s, precision, rounds, rest, groups, 0, 1);
  } else {
    const int even = std::gcd(rest, kWarps);
    PersistentShape other = s;
    if (split_rest(other, precision, rounds, rest, groups, even, kWarps / even) <
        split_rest(s, precision, rounds, rest, groups, rest, kWarps / rest))
      s = other;
  }
  s.pitch = s.depth + 64 / element_bytes(precision);  // lanes of two columns read 64 bytes each: other banks
}

}  // namespace

bool partition_product(PersistentShape& s, Precision precision, int rows, int depth) {
  if (on_tensor_cores(precision))
    partition_for_tiles(s, precision, rows, depth);
  else
    partition_for_fma(s, rows, depth);
  s.row_pitch = s.rows + 4;
  return s.rows / 4 * s.lanes <= kPersistentThreads;
}

int tiles_per_warp(const PersistentShape& s) {
  const int whole = s.whole_rows / 16 / kWarps * s.tiles;
  return s.teams > 0 ? whole + (s.rows - s.whole_rows) / 16 / s.teams * s.split_tiles : whole;
}

std::optional<PersistentShape> persistent_shape(Precision precision, bool backward, bool cluster, Index H, int blocks,
                                                int columns, std::size_t shared_bytes) {
  if (H < 1 || H > (1 << 16) || blocks < 1) return std::nullopt;
  PersistentShape s;
  s.hidden = static_cast<int>(H);
  s.padded = round_up(s.hidden, 4);
  s.parts = backward ? 4 : 1;
  s.units = round_up(ceil_div(s.hidden, blocks), 4);
  s.blocks = cluster ? blocks : ceil_div(s.hidden, s.units);
  s.columns = columns;
  const int rows = backward ? s.units : 4 * s.units, depth = s.parts * s.padded;
  if (!partition_product(s, precision, rows, depth)) return std::nullopt;
  s.vectors = bytes(columns, s.pitch, cluster ? 2 : 1, element_bytes(precision));
  s.partial = bytes(s.splits * columns + (backward ? 0 : 1), 1, s.row_pitch, 4);
  s.exchange_buffer = cluster ? bytes(columns, s.parts, s.units, element_bytes(precision)) : 0;
  if (s.units * columns > kCells * kPersistentThreads || s.shared() > shared_bytes) return std::nullopt;
  return s;
}

std::optional<PersistentShape> grid_shape(const DeviceInfo& device, Precision precision, bool backward, Index H,
                                          Index B) {
  for (int columns = static_cast<int>(std::min(B, kMaxColumns)); columns >= 1; --columns)
    if (auto s = persistent_shape(precision, backward, false, H, device.multiprocessors, columns, device.shared_bytes))
      return s;
  return std::nullopt;
}

std::optional<PersistentShape> cluster_shape(const DeviceInfo& device, Precision precision, bool backward, Index H,
                                             Index B, int blocks, int clusters) {
  for (int columns = static_cast<int>(std::min((B + clusters - 1) / clusters, kMaxColumns)); columns >= 1; --columns)
    if (auto s = persistent_shape(precision, backward, true, H, blocks, columns, device.shared_bytes)) return s;
  return std::nullopt;
}

}  // namespace rondo::inline RONDO_ABI::cuda
