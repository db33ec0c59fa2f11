// SPDX-License-Identifier: MIT
// What tests say to the host executor beside CUDA's own calls; set_order is in host_grid.hpp.
#pragma once

#include "host_grid.hpp"

#include <string>

namespace host_cuda {

struct Device {
  int major = 9, minor = 0;  // compute capability
  int multiprocessors = 8;
};

/// What the device pretends to be, from now on.
void set_device(Device device);

/// In what order streams work that nothing orders: `lazy`, the one that is waited for alone; `others_first`, all others
/// before it, the newest first. What needs an order and does not ask for it gives something else in one of them.
enum class Streams { lazy, others_first };
void set_streams(Streams order);

/// What went wrong in a kernel, copy or product that came back as cudaErrorLaunchFailure; empty before that.
std::string last_failure();

/// Forgets the failure, which on a GPU would stay until the process ends, and all work that is still queued.
void clear_failure();

}  // namespace host_cuda
