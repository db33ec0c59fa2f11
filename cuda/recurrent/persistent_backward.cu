// SPDX-License-Identifier: MIT
#include "persistent_launch.cuh"

namespace rondo::inline RONDO_ABI::cuda {

bool enqueue_grid_persistent(const BackwardArguments<float>& a, Precision precision, std::uint32_t* barrier) {
  return launch_on_grid(a, precision, barrier);
}

bool enqueue_cluster_persistent(const BackwardArguments<float>& a, Precision precision) {
  return launch_on_clusters(a, precision);
}

}  // namespace rondo::inline RONDO_ABI::cuda
