// SPDX-License-Identifier: MIT
// The sum of columns of 16 bits; other sums are in rondo/cuda/operations.hpp.
#pragma once

#include <rondo/core/view.hpp>

#include <cstdint>

namespace rondo::inline RONDO_ABI::cuda {

/// sum (rows x 1) += the sum of the columns of a.
void add_columns_of_bf16(MatrixView<const std::uint16_t> a, MatrixView<float> sum);

}  // namespace rondo::inline RONDO_ABI::cuda
