// SPDX-License-Identifier: MIT
// The cells with packed kernels.
#pragma once

#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>

#include <tuple>

namespace rondo::inline RONDO_ABI {

/// Cells whose kernels the library compiles (cpu/compiled/*_kernels.cpp).
using PackedCells = std::tuple<LstmCell, GruCell>;

}  // namespace rondo::inline RONDO_ABI
