// SPDX-License-Identifier: MIT
// The CPU operations of LSTM, in float and double.
#include "recurrent_operations.inl"

#include <rondo/math/cells/lstm.hpp>

namespace rondo::inline RONDO_ABI::detail {

template struct RecurrentOperations<LstmCell, float>;
template struct RecurrentOperations<LstmCell, double>;

}  // namespace rondo::inline RONDO_ABI::detail
