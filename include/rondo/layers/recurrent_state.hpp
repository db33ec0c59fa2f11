// SPDX-License-Identifier: MIT
// The state of a recurrent network, which callers hold and pass from one call to the next.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/layers/recurrent_config.hpp>

namespace rondo::inline RONDO_ABI {

/// The state of every layer and direction, or its gradient. Direction d of layer l is `at(l * D + d)`; the bytes are
/// PyTorch's (L*D, B, P).
template <class Scalar, class Device = Cpu>
struct RecurrentState {
  Sequence<Scalar, Device> h;  // P x B x L*D
  Sequence<Scalar, Device> c;  // H x B x L*D, of cells that have c; else 0 x B x L*D

  void set_zero() {
    fill(Device{}, h.flat(), 0);
    fill(Device{}, c.flat(), 0);
  }
};

namespace detail {

/// Throws shape_error unless `state` is one of a network of this configuration. `where` speaks, e.g. "::forward", of
/// `what`.
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
