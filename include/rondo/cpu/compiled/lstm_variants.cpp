// SPDX-License-Identifier: MIT
// The CPU operations of the LSTM's variants, in float and double.
#include "recurrent_operations.inl"

#include <rondo/math/cells/lstm_variants.hpp>

namespace rondo::inline RONDO_ABI::detail {

template struct RecurrentOperations<PeepholeLstmCell, float>;
template class StreamLayer<PeepholeLstmCell, float>;
template struct RecurrentOperations<PeepholeLstmCell, double>;
template class StreamLayer<PeepholeLstmCell, double>;
template struct RecurrentOperations<CoupledLstmCell, float>;
template class StreamLayer<CoupledLstmCell, float>;
template struct RecurrentOperations<CoupledLstmCell, double>;
template class StreamLayer<CoupledLstmCell, double>;
template struct RecurrentOperations<CoupledPeepholeLstmCell, float>;
template class StreamLayer<CoupledPeepholeLstmCell, float>;
template struct RecurrentOperations<CoupledPeepholeLstmCell, double>;
template class StreamLayer<CoupledPeepholeLstmCell, double>;

}  // namespace rondo::inline RONDO_ABI::detail
