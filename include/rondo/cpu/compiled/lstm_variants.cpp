// SPDX-License-Identifier: MIT
// The CPU operations of the LSTM's variants, in float and double.
#include "recurrent_operations.inl"

#include <rondo/math/cells/lstm_variants.hpp>

namespace rondo::inline RONDO_ABI::detail {

template struct RecurrentOperations<PeepholeLstmCell, float>;
template class StreamLayer<PeepholeLstmCell, float>;
template class StreamStack<PeepholeLstmCell, float>;
template struct RecurrentOperations<PeepholeLstmCell, double>;
template class StreamLayer<PeepholeLstmCell, double>;
template class StreamStack<PeepholeLstmCell, double>;
template struct RecurrentOperations<CoupledLstmCell, float>;
template class StreamLayer<CoupledLstmCell, float>;
template class StreamStack<CoupledLstmCell, float>;
template struct RecurrentOperations<CoupledLstmCell, double>;
template class StreamLayer<CoupledLstmCell, double>;
template class StreamStack<CoupledLstmCell, double>;
template struct RecurrentOperations<CoupledPeepholeLstmCell, float>;
template class StreamLayer<CoupledPeepholeLstmCell, float>;
template class StreamStack<CoupledPeepholeLstmCell, float>;
template struct RecurrentOperations<CoupledPeepholeLstmCell, double>;
template class StreamLayer<CoupledPeepholeLstmCell, double>;
template class StreamStack<CoupledPeepholeLstmCell, double>;

}  // namespace rondo::inline RONDO_ABI::detail
