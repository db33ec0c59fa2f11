// SPDX-License-Identifier: MIT
// The state of a recurrent network. Callers hold it and pass it from one call to the next.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/layers/recurrent_config.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

/// The state of all layers and directions, or its gradient. Direction d of layer l is `h.at(l * D + d)`; the memory is
/// that of PyTorch's contiguous (L*D, B, P) tensor.
template <class Scalar, class Device = Cpu>
struct RecurrentState {
  Sequence<Scalar, Device> h;  ///< hidden state, P x B x L*D
  Sequence<Scalar, Device> c;  ///< cell state, H x B x L*D for cells with c, else 0 x B x L*D

  /// Sets all values to zero.
  void set_zero() {
    fill(Device{}, h.flat(), 0);
    fill(Device{}, c.flat(), 0);
  }

  /// Sets the state of every sequence b whose which[b] is not 0 to zero, in all layers and directions: of those that
  /// begin anew. Throws shape_error unless there are B values.
  void reset(std::span<const std::uint8_t> which) {
    require_shape(static_cast<Index>(which.size()) == h.batch(), "RecurrentState::reset: ", which.size(),
                  " values for B = ", h.batch());
    for (auto* s : {&h, &c}) clear_columns(Device{}, which, s->flat());
  }
};

namespace detail {

/// Throws shape_error unless `state` belongs to a network of this configuration. `where` names the function, e.g.
/// "::forward", and `what` the argument.
template <class Cell, class Scalar, class Device>
void require_state(const char* kind, const char* where, const char* what, const RecurrentState<Scalar, Device>& state,
                   const RecurrentConfig& config, Index batch) {
  const Index passes = config.layers * config.directions();
  const auto check = [&](const char* tensor, const char* shape, const Sequence<Scalar, Device>& s, Index rows) {
    require_shape(s.features() == rows && s.batch() == batch && s.time() == passes, kind, Cell::kName, where, ": ",
                  what, tensor, " is ", s.features(), " x ", s.batch(), " x ", s.time(), shape, ", wanted ", rows,
                  " x ", batch, " x ", passes);
  };
  check(".h", " (P x B x L*D)", state.h, config.output());
  if constexpr (Cell::kHasC) check(".c", " (H x B x L*D)", state.c, config.hidden);
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI
