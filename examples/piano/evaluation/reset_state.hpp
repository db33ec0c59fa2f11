// SPDX-License-Identifier: MIT
// Resets the state of the sequences that start a new piece.
#pragma once

#include <rondo/layers/lstm.hpp>

#include <cstdint>
#include <span>

namespace piano {

/// Sets the state of every sequence b with reset[b] to zero, in all layers.
template <class Device>
void reset_state(rondo::LstmState<float, Device>& state, std::span<const std::uint8_t> reset) {
  for (rondo::Index b = 0; b < static_cast<rondo::Index>(reset.size()); ++b)
    if (reset[static_cast<std::size_t>(b)])
      for (rondo::Index l = 0; l < state.h.time(); ++l)
        for (auto* s : {&state.h, &state.c}) fill(Device{}, s->at(l).columns(b, 1), 0);
}

}  // namespace piano
