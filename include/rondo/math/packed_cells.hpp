// SPDX-License-Identifier: MIT
// The cells that packed passes run.
#pragma once

#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>

#include <tuple>

namespace rondo::inline RONDO_ABI {

/// What a library of kernels compiles.
using PackedCells = std::tuple<LstmCell, GruCell>;

}  // namespace rondo::inline RONDO_ABI
