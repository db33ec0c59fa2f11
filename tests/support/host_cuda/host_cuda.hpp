// SPDX-License-Identifier: MIT
// Control of the host executor by tests, beyond CUDA's own calls; set_order is in host_grid.hpp.
#pragma once

#include "host_grid.hpp"

#include <string>

namespace host_cuda {

struct Device {
  int major = 9, minor = 0;  // compute capability
  int multiprocessors = 8;
};

/// Sets the properties of the simulated device.
void set_device(Device device);

/// Order of the work of streams that are not ordered by events: `lazy` runs only the stream that is waited for,
/// `others_first` runs all others before it, the newest first. Missing dependencies change results in one of them.
enum class Streams { lazy, others_first };
void set_streams(Streams order);

/// The failure of a kernel, copy or product behind a cudaErrorLaunchFailure; empty if there was none.
std::string last_failure();

/// Clears the failure, which on a GPU would persist until the process ends, and all work that is still queued.
void clear_failure();

}  // namespace host_cuda
