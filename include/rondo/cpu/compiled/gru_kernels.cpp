// SPDX-License-Identifier: MIT
// The inner kernels of GRU.
#include "cell_kernels.inl"

#include <rondo/math/cells/gru.hpp>

namespace rondo::inline RONDO_ABI::detail {

template struct KernelsOfCell<GruCell>;

}  // namespace rondo::inline RONDO_ABI::detail
