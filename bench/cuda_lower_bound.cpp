// SPDX-License-Identifier: MIT
#include "cuda_lower_bound.hpp"

#include <algorithm>

namespace bench {
namespace {

using rondo::Precision;
using rondo::cuda::RecurrentAlgorithm;

// Figures of one multiprocessor of a Hopper GPU (NVIDIA, "H100 Tensor Core GPU Architecture"), and of its
// interconnects.
constexpr double kClock = 1.8e9;                          // Hz
constexpr double kFma = 256, kTf32 = 2048, kBf16 = 4096;  // operations per clock, a multiply-add counting as two
constexpr double kShared = 128 * kClock;                  // bytes per second
constexpr double kL2 = 5.5e12 / 132;                      // bytes per second, share of one multiprocessor
constexpr double kKernel = 2e-6, kGraphNode = 1e-6;       // seconds between consecutive kernels
constexpr double kGridBarrier = 1.2e-6, kClusterBarrier = 0.25e-6;
constexpr double kSlot = 0.5e-6;                      // seconds from a write to L2 to a read by another multiprocessor
constexpr double kCluster = 16, kDataflowBlocks = 8;  // multiprocessors

double operations_per_clock(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return kFma;
    case Precision::tf32:
      return kTf32;
    case Precision::bf16:
    case Precision::fp16:
      return kBf16;
  }
  return kFma;
}

}  // namespace

double lower_bound_seconds(const rondo::cuda::DeviceInfo& device, const Shape& shape, Precision precision,
                           RecurrentAlgorithm algorithm, bool backward) {
  const double H = static_cast<double>(shape.H), B = static_cast<double>(shape.B), L = static_cast<double>(shape.L);
  const double chip = device.multiprocessors, rate = operations_per_clock(precision) * kClock * chip;
  const double word = precision == Precision::bf16 || precision == Precision::fp16 ? 2 : 4;
  const double weights = 4 * H * H * word;                     // R, bytes
  const double exchanged = (backward ? 4 : 1) * H * B * word;  // h or dz of one step

  // All products, including those over the whole sequence: the backward pass has twice as many.
  const double arithmetic = shape.forward_gflop() * 1e9 / static_cast<double>(shape.T) * (backward ? 2 : 1) / rate;

  double memory = 0, wait = 0;
  switch (algorithm) {
    case RecurrentAlgorithm::automatic:
    case RecurrentAlgorithm::stepwise:
    case RecurrentAlgorithm::graph:  // reads the weights from L2 at every step; two kernels per step
      memory = (weights + exchanged) / (kL2 * chip);
      wait = 2 * (algorithm == RecurrentAlgorithm::graph ? kGraphNode : kKernel);
      break;
    case RecurrentAlgorithm::grid_persistent:
      // half of the weights in registers, half in shared memory; every block reads all of h
      memory = weights / 2 / chip / kShared + exchanged / kL2;
      wait = kGridBarrier;
      break;
    case RecurrentAlgorithm::cluster_persistent:  // every cluster has all weights and a share of the columns
      memory = weights / 2 / kCluster / kShared + exchanged / std::max(chip / kCluster, 1.0) / kShared;
      wait = kClusterBarrier;
      break;
    case RecurrentAlgorithm::dataflow_persistent:  // each block reads a part of h, and sends sums to a cluster
      memory = weights / 2 / chip / kShared + exchanged / kDataflowBlocks / kL2 +
               4 * H * B * 4 * kDataflowBlocks / chip / kShared;
      wait = kSlot + kClusterBarrier;
      break;
  }
  return arithmetic + L * (memory + wait);
}

}  // namespace bench
