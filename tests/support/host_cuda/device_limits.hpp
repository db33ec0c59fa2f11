// SPDX-License-Identifier: MIT
// The limits of the simulated device, for device.cpp, memory.cpp and launch.cpp.
#pragma once

#include "runtime_state.hpp"

namespace host_cuda {

struct DeviceLimits {
  static constexpr std::size_t memory = std::size_t{16} << 30;           // bytes
  static constexpr std::size_t shared_of_block = std::size_t{48} << 10;  // without cudaFuncSetAttribute
  static constexpr std::size_t shared_reserved = 1024;                   // per block, by the driver
  static constexpr int threads_of_block = 1024;
  static constexpr int block[3] = {1024, 1024, 64};
  static constexpr int grid[3] = {2147483647, 65535, 65535};
  static constexpr unsigned portable_cluster = 8;

  std::size_t shared_of_multiprocessor = 0;
  int threads_of_multiprocessor = 0, blocks_of_multiprocessor = 0;
  unsigned largest_cluster = 1;

  std::size_t shared_of_block_opt_in() const { return shared_of_multiprocessor - shared_reserved; }
};

/// Of the device selected by `set_device`.
DeviceLimits limits();

}  // namespace host_cuda
