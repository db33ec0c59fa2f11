// SPDX-License-Identifier: MIT
// The CPU operations of GRU, in float and double.
#include "recurrent_operations.inl"

#include <rondo/math/cells/gru.hpp>

namespace rondo::inline RONDO_ABI::detail {

template struct RecurrentOperations<GruCell, float>;
template struct RecurrentOperations<GruCell, double>;

}  // namespace rondo::inline RONDO_ABI::detail
