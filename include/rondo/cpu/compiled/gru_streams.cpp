// SPDX-License-Identifier: MIT
// Streams of GRU: their operations, in float and double, and their inner kernels.
#include "cell_kernels.inl"
#include "recurrent_operations.inl"

#include <rondo/math/cells/gru.hpp>

namespace rondo::inline RONDO_ABI::detail {

template struct StreamKernelsOfCell<GruCell>;
template class StreamLayer<GruCell, float>;
template class StreamStack<GruCell, float>;
template class StreamLayer<GruCell, double>;
template class StreamStack<GruCell, double>;

}  // namespace rondo::inline RONDO_ABI::detail
