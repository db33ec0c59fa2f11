// SPDX-License-Identifier: MIT
#include "dataflow_launch.cuh"

namespace rondo::inline RONDO_ABI::cuda {

template <class Cell>
bool enqueue_dataflow_persistent(const BackwardArguments<float>& a, Precision precision) {
  return launch_dataflow<Cell>(a, precision, [&] { return clear_slots(a, Cell::kBlocks * a.H); });
}

template bool enqueue_dataflow_persistent<LstmCell>(const BackwardArguments<float>&, Precision);
template bool enqueue_dataflow_persistent<GruCell>(const BackwardArguments<float>&, Precision);

}  // namespace rondo::inline RONDO_ABI::cuda
