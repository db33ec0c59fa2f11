// SPDX-License-Identifier: MIT
#include "persistent_launch.cuh"

namespace rondo::inline RONDO_ABI::cuda {

bool enqueue_grid_persistent(const ForwardArguments<float>& a, Precision precision, std::uint32_t* barrier) {
  return launch_on_grid(a, precision, barrier);
}

bool enqueue_cluster_persistent(const ForwardArguments<float>& a, Precision precision) {
  return launch_on_clusters(a, precision);
}

bool grid_persistent_fits(Index H, Index B, Precision precision) {
  return with_grid_kernel<ForwardArguments<float>>(H, B, precision, [](auto&&...) { return true; });
}

bool cluster_persistent_fits(Index H, Index B, Precision precision) {
  return with_cluster_kernel<ForwardArguments<float>>(H, B, precision, [](auto&&...) { return true; });
}

}  // namespace rondo::inline RONDO_ABI::cuda
