// SPDX-License-Identifier: MIT
#include "cost_model.hpp"

#include "dataflow_shape.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

// Rates of an H100 (132 multiprocessors, 1.7 GHz); those of another device follow its number of multiprocessors.
constexpr double kMultiprocessors = 132, kCyclesPerMicrosecond = 1700;
constexpr double kL2Bandwidth = 5.5e6;  // bytes per microsecond, all multiprocessors together

// Microseconds. A launch is what the host takes to enqueue it; a node of a graph follows the one before it sooner. A
// barrier of the grid is an atomic counter in L2 and the fences around it, one of a cluster is done by hardware, but
// compiles to a fence over all memory. Reading h afterwards is one more latency of L2, or of distributed shared memory.
constexpr double kLaunch = 2.5, kGraphNode = 2.0, kThinProduct = 1.0;
// A word in a slot is visible to a block that polls for it after a write to L2 and a read; asynchronous stores to a
// block of the cluster and the barrier object that counts them are one latency of distributed shared memory and some
// cycles.
constexpr double kSlot = 0.5, kPartialSums = 0.25;
constexpr double kGridBarrier = 1.2, kGridRead = 0.7, kClusterBarrier = 0.8, kClusterRead = 0.4, kCellTime = 0.2;

// Cycles from the start of a tile product to that of the next one of its chain: the product and, once in a group, the
// load of the vectors, which the next group waits for. A warp has kTileGroup independent chains.
constexpr double kTileCycles = 64;
constexpr double kSharedBytesPerCycle = 128;  // of a multiprocessor

/// Floating-point operations per microsecond that cuBLAS reaches in products with few columns.
double product_rate(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return 35e6;
    case Precision::tf32:
      return 120e6;
    case Precision::bf16:
    case Precision::fp16:
      return 240e6;
  }
  return 35e6;
}

/// A step of the algorithms that call cuBLAS: a product that reads R from L2, and the kernel of the cells.
double product_step(const DeviceInfo& device, double launch, Precision precision, int gates, Index H, Index B) {
  const double scale = device.multiprocessors / kMultiprocessors, weights = double(gates) * double(H) * double(H);
  const double operations = 2 * weights * double(B), bytes = weights * element_bytes(precision);
  return 2 * launch + kThinProduct + std::max(operations / product_rate(precision), bytes / kL2Bandwidth) / scale;
}

/// The product of one block at one step, for all its columns.
double block_product(const PersistentShape& s, Precision precision) {
  if (!on_tensor_cores(precision)) {  // 128 lanes, half of whose cycles are FMAs of this product
    const double fmas = double(s.rows) * s.depth * s.columns;
    return fmas / (128 * 0.5) / kCyclesPerMicrosecond;
  }
  const double column_tiles = (s.columns + 7) / 8;
  const double latency = tiles_per_warp(s) * column_tiles * kTileCycles / kTileGroup;
  // Two tiles of columns share the weights that are read; every row of tiles reads the vectors.
  const double read = double(s.weights) * std::ceil(column_tiles / 2) +
                      double(s.rows / 16) * s.columns * s.depth * element_bytes(precision);
  return std::max(latency, read / kSharedBytesPerCycle) / kCyclesPerMicrosecond;
}

double grid_step(const DeviceInfo& device, Precision precision, Index H, Index B, bool backward) {
  const auto s = grid_shape(device, precision, backward, H, B);
  if (!s) return std::numeric_limits<double>::infinity();
  const double rounds = std::ceil(double(B) / s->columns);
  const double bytes = double(s->blocks) * s->columns * s->parts * s->padded * element_bytes(precision);
  const double scale = device.multiprocessors / kMultiprocessors;
  return kGridBarrier +
         rounds * (kGridRead + bytes / (kL2Bandwidth * scale) + block_product(*s, precision) + kCellTime);
}

double cluster_step(const DeviceInfo& device, Precision precision, Index H, Index B, bool backward) {
  for (int blocks = device.major < 9 ? 0 : 16; blocks >= 1; blocks /= 2) {  // the largest that fit, as the launch does
    const int clusters = std::max(device.multiprocessors / blocks, 1);
    const auto s = cluster_shape(device, precision, backward, H, B, blocks, clusters);
    if (!s) continue;
    const double rounds = std::ceil(double(B) / (double(s->columns) * clusters));
    return rounds * (kClusterBarrier + kClusterRead + block_product(*s, precision) + kCellTime);
  }
  return std::numeric_limits<double>::infinity();
}

double dataflow_step(const DeviceInfo& device, Precision precision, int gates, Index H, Index B, bool backward) {
  for (int blocks = device.major < 9 ? 0 : kDataflowBlocks; blocks >= 1; blocks /= 2) {  // in the order of the launch
    const auto s =
        dataflow_shape(precision, backward, gates, H, B, device.multiprocessors / blocks, blocks, device.shared_bytes);
    if (!s) continue;
    const PersistentShape& p = s->product;
    const double rounds = std::ceil(double(B) / p.columns), scale = device.multiprocessors / kMultiprocessors;
    const double bytes = double(s->clusters) * blocks * p.columns * p.parts * p.padded * element_bytes(precision);
    const double sent = double(p.splits + 1) * p.columns * p.rows * 4;  // by a block: read, added and sent
    return rounds * (kSlot + bytes / (kL2Bandwidth * scale) + block_product(p, precision) +
                     sent / kSharedBytesPerCycle / kCyclesPerMicrosecond + kPartialSums + kCellTime);
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace

double expected_step_time(const DeviceInfo& device, RecurrentAlgorithm algorithm, Precision precision,
                          const CellKernels& cell, Index H, Index B, bool backward) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  switch (algorithm) {
    case RecurrentAlgorithm::grid_persistent:
      return cell.persistent ? grid_step(device, precision, H, B, backward) : kNone;
    case RecurrentAlgorithm::cluster_persistent:
      return cell.persistent ? cluster_step(device, precision, H, B, backward) : kNone;
    case RecurrentAlgorithm::dataflow_persistent:
      return cell.dataflow ? dataflow_step(device, precision, cell.gates, H, B, backward) : kNone;
    case RecurrentAlgorithm::graph:
      return product_step(device, kGraphNode, precision, cell.gates, H, B);
    default:
      return product_step(device, kLaunch, precision, cell.gates, H, B);
  }
}

}  // namespace rondo::inline RONDO_ABI::cuda
