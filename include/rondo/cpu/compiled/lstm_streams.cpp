// SPDX-License-Identifier: MIT
// Streams of LSTM: their operations, in float and double, and their inner kernels, and the linear layer of streams.
#include "cell_kernels.inl"
#include "recurrent_operations.inl"

#include <rondo/math/cells/lstm.hpp>

namespace rondo::inline RONDO_ABI::detail {

template struct StreamKernelsOfCell<LstmCell>;
template class StreamLayer<LstmCell, float>;
template class StreamStack<LstmCell, float>;
template class StreamLayer<LstmCell, double>;
template class StreamStack<LstmCell, double>;

template class StreamLinear<float>;
template class StreamLinear<double>;

}  // namespace rondo::inline RONDO_ABI::detail
