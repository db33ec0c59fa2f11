// SPDX-License-Identifier: MIT
// The inner kernels of LSTM.
#include "cell_kernels.inl"

#include <rondo/math/cells/lstm.hpp>

namespace rondo::inline RONDO_ABI::detail {

template struct KernelsOfCell<LstmCell>;

}  // namespace rondo::inline RONDO_ABI::detail
