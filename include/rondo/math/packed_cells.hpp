// SPDX-License-Identifier: MIT
// The cells that have a packed pass.
#pragma once

#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>

#include <tuple>

namespace rondo::inline RONDO_ABI {

/// The cells whose kernels rondo::nn contains.
using PackedCells = std::tuple<LstmCell, GruCell>;

}  // namespace rondo::inline RONDO_ABI
