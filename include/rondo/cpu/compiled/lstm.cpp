// SPDX-License-Identifier: MIT
// The CPU operations of LSTM, in float and double.
#include "recurrent_operations.inl"

#include <rondo/math/cells/lstm.hpp>

namespace rondo::inline RONDO_ABI::detail {

template struct RecurrentOperations<LstmCell, float>;
template class StreamLayer<LstmCell, float>;
template class StreamStack<LstmCell, float>;
template struct RecurrentOperations<LstmCell, double>;
template class StreamLayer<LstmCell, double>;
template class StreamStack<LstmCell, double>;

template class StreamLinear<float>;
template class StreamLinear<double>;

}  // namespace rondo::inline RONDO_ABI::detail
