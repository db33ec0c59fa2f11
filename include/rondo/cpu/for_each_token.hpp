// SPDX-License-Identifier: MIT
// A loop over tokens, with one or several tokens per column.
#pragma once

#include <rondo/core/token_input.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI::detail {

/// Calls f(j, id) for each token id of each column j, in order. Skips kNoToken.
template <class F>
void for_each_token(std::span<const std::int32_t> tokens, Index columns, F&& f) {
  const Index K = columns > 0 ? static_cast<Index>(tokens.size()) / columns : 0;
  for (Index j = 0; j < columns; ++j)
    for (Index k = 0; k < K; ++k)
      if (const std::int32_t id = tokens[static_cast<std::size_t>(j * K + k)]; id != kNoToken) f(j, id);
}

}  // namespace rondo::inline RONDO_ABI::detail
