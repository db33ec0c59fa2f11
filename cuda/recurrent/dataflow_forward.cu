// SPDX-License-Identifier: MIT
#include "dataflow_launch.cuh"

namespace rondo::inline RONDO_ABI::cuda {

template <class Cell>
bool enqueue_dataflow_persistent(const ForwardArguments<float>& a, Precision precision) {
  return launch_dataflow<Cell>(a, precision, [&] { return clear_slots(a); });
}

template <class Cell>
bool dataflow_persistent_fits(Index H, Index B, Precision precision) {
  return with_dataflow_kernel<ForwardArguments<float>, Cell>(H, B, precision, [](auto&&...) { return true; });
}

template bool enqueue_dataflow_persistent<LstmCell>(const ForwardArguments<float>&, Precision);
template bool enqueue_dataflow_persistent<GruCell>(const ForwardArguments<float>&, Precision);
template bool dataflow_persistent_fits<LstmCell>(Index, Index, Precision);
template bool dataflow_persistent_fits<GruCell>(Index, Index, Precision);

}  // namespace rondo::inline RONDO_ABI::cuda
