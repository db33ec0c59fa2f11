// SPDX-License-Identifier: MIT
// The CPU operations of GRU, in float and double.
#include "recurrent_operations.inl"

#include <rondo/math/cells/gru.hpp>

namespace rondo::inline RONDO_ABI::detail {

template struct RecurrentOperations<GruCell, float>;
template class StreamLayer<GruCell, float>;
template class StreamStack<GruCell, float>;
template struct RecurrentOperations<GruCell, double>;
template class StreamLayer<GruCell, double>;
template class StreamStack<GruCell, double>;

}  // namespace rondo::inline RONDO_ABI::detail
