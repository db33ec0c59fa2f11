// SPDX-License-Identifier: MIT
// Control of the host executor by tests, beyond CUDA's own calls; set_order and set_delays are in host_grid.hpp.
#pragma once

#include "cuda_runtime_api.h"
#include "host_grid.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace host_cuda {

struct Device {
  int major = 9, minor = 0;  // compute capability
  int multiprocessors = 8;
  int clusters = 0;  // of more than one block that are resident at once, at most; 0: as many as blocks allow
};

/// Sets the properties of the simulated devices, and their number. They share one memory; a stream, and so a kernel,
/// belongs to the device that was current when the stream was created.
void set_device(Device device, int devices = 1);

/// Cooperative launches and those of clusters fail with this error, as they may where the GPU is shared; cudaSuccess:
/// they do not.
void refuse_launches(cudaError_t with);

/// Whether no graph can be instantiated: cudaErrorNotSupported.
void refuse_graphs(bool refuse);

/// Whether products with tf32 operands truncate them, as a GPU may, instead of rounding.
void truncate_tf32(bool truncate);

/// Whether products of tiles, which only kernels of persistent algorithms use, are wrong by a quarter.
void wrong_tile_products(bool wrong);
bool tile_products_are_wrong();

/// The last launch of clusters of more than one block.
struct ClusterLaunch {
  std::size_t blocks = 0, cluster = 1;  // in total, and per cluster
};
ClusterLaunch last_cluster_launch();

/// Graphs instantiated since the process began.
std::size_t graphs_instantiated();

/// Multiply-adds of matrix products, by cuBLAS and of tiles, that have run since the process began.
std::uint64_t multiply_adds();
void count_multiply_adds(std::uint64_t count);

/// Bytes of device memory that are allocated now.
std::size_t allocated_bytes();

/// Calls since the process began for which the host waits for the device, copies to the host among them.
std::size_t host_waits();

/// Occupancy queries since the process began.
std::size_t occupancy_queries();

/// Order of the work of streams that are not ordered by events: `lazy` runs only the stream that is waited for,
/// `others_first` runs all others before it, the newest first. Missing dependencies change results in one of them.
enum class Streams { lazy, others_first };
void set_streams(Streams order);

/// The failure of a kernel, copy or product behind a cudaErrorLaunchFailure; empty if there was none.
std::string last_failure();

/// Clears the failure, which on a GPU would persist until the process ends, and all work that is still queued.
void clear_failure();

}  // namespace host_cuda
