// SPDX-License-Identifier: MIT
// The order of the weights and of the state of a streaming kernel (cpu/kernels/stream_*.inl). Legend: H hidden units.
//
// A cell has four blocks of H rows (i f g o; r u n_h n_x). The rows of one step are `vectors()` registers: for each
// whole register of units four, one for each block; then those of the remaining units, where a register holds `split()`
// blocks side by side. The hidden state is `families()` registers; a remainder is repeated to fill its register.
#pragma once

#include <rondo/version.hpp>

namespace rondo::inline RONDO_ABI {

struct LstmCell;
struct GruCell;

namespace detail {

/// What one kernel expects.
struct StreamLayout {
  long lanes;    // floats in a register
  long units;    // H, padded
  bool rotates;  // product k multiplies a rotation of h, otherwise unit k

  constexpr long full() const { return (rotates ? units : units + lanes - 1) / lanes; }
  constexpr long rest() const { return rotates ? units % lanes : 0; }
  constexpr long split() const { return rest() == 0 || lanes % rest() != 0 ? 1 : lanes / rest(); }
  constexpr long families() const { return full() + (rest() > 0 ? 1 : 0); }
  constexpr long vectors() const { return 4 * full() + (rest() > 0 ? 4 / split() : 0); }

  /// Block of a lane of register v of the rows.
  constexpr long block(long v, long lane) const {
    if (v < 4 * full()) return v % 4;
    return split() == 1 ? v - 4 * full() : (v - 4 * full()) * split() + lane / rest();
  }
  /// Unit of a lane of register v of the rows; -1 for an unused lane.
  constexpr long unit(long v, long lane) const {
    if (v < 4 * full()) return v / 4 * lanes + lane;
    if (split() == 1) return lane < rest() ? full() * lanes + lane : -1;
    return full() * lanes + lane % rest();
  }
  /// Unit whose state is in a lane of a family; -1 for an unused lane.
  constexpr long state(long family, long lane) const {
    if (family < full()) return family * lanes + lane;
    return split() == 1 && lane >= rest() ? -1 : full() * lanes + lane % rest();
  }
  /// Unit that a lane multiplies in product k; -1 for an unused lane. Rotation k of a family of h moves groups of four
  /// lanes by k / 4 groups and, within each, its lanes by k % 4.
  constexpr long column(long k, long lane) const {
    if (!rotates) return k;
    const long family = k / lanes, rotation = k % lanes;
    const long groups = (family < full() ? lanes : rest()) / 4;
    const long group = lane / 4 + rotation / 4;
    if (family == full() && split() == 1 && lane >= rest()) return -1;
    return family * lanes + group % groups * 4 + (lane + rotation) % 4;
  }
};

/// Factors of the rows of each block: sigmoid(z) = (1 + tanh(z / 2)) / 2, and the kernels take the tanh of z / 2.
template <class Cell>
struct StreamScale;
template <>
struct StreamScale<LstmCell> {
  static constexpr float kOfBlock[4] = {0.5f, 0.5f, 1, 0.5f};
};
template <>
struct StreamScale<GruCell> {  // n_h: r n_h = (1 + tanh) n_h / 2
  static constexpr float kOfBlock[4] = {0.5f, 0.5f, 0.5f, 1};
};

}  // namespace detail
}  // namespace rondo::inline RONDO_ABI
