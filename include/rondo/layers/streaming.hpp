// SPDX-License-Identifier: MIT
// StreamingRecurrent: a trained network for one stream, one step at a time, for audio callbacks and control loops. CPU
// only. Legend: C inputs, H hidden units, P outputs of the network, K outputs of the head, L layers.
#pragma once

#include <rondo/cpu/streaming.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/recurrent.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// A size that is not known at compile time.
inline constexpr Index kDynamic = -1;

/// A trained recurrent network for one stream, with an optional linear layer (the head) after it. Copies and packs the
/// weights, and holds the state. step() allocates nothing, takes no lock and makes no system call. One object belongs
/// to one thread. The order of its sums is chosen for latency: results agree with Recurrent::step to rounding, they are
/// not bit-identical.
///
/// @code
/// rondo::StreamingLstm<float, 1, 16> stream(lstm, head);  // fixed sizes; or rondo::StreamingLstm<float> stream(lstm)
/// const float y = stream.step(x)[0];                      // C values in; K values out, P without a head
/// @endcode
template <class Cell, class Scalar, Index C = kDynamic, Index H = kDynamic>
class StreamingRecurrent {
 public:
  using Network = Recurrent<Cell, Scalar>;  ///< network whose weights are copied
  /// Input of one step, C values.
  using Input = std::span<const Scalar, C == kDynamic ? std::dynamic_extent : static_cast<std::size_t>(C)>;

  /// Copies the weights; the state is zero. Throws shape_error if `network` does not have the sizes of this type or is
  /// bidirectional.
  explicit StreamingRecurrent(const Network& network) : config_(network.config()) {
    require_shape((C == kDynamic || C == input()) && (H == kDynamic || H == hidden()), "Streaming", Cell::kName,
                  "<C = ", C, ", H = ", H, ">: the network has C = ", input(), ", H = ", hidden());
    require_shape(!network.config().bidirectional, "Streaming", Cell::kName,
                  ": a bidirectional network needs whole sequences");
    for (Index l = 0; l < network.depth(); ++l)
      layers_.emplace_back(network.layer(l).weights(), network.layer(l).inference_options());
  }

  /// With a linear layer after the network. Also throws shape_error if `head` does not have P inputs.
  StreamingRecurrent(const Network& network, const Linear<Scalar>& head) : StreamingRecurrent(network) {
    require_shape(head.input() == network.output(), "Streaming", Cell::kName, ": the head wants C = ", head.input(),
                  " of a network with P = ", network.output());
    head_ = {head.weight(), head.bias()};
  }

  Index input() const { return config_.input; }                       ///< C
  Index hidden() const { return config_.hidden; }                     ///< H
  Index depth() const { return static_cast<Index>(layers_.size()); }  ///< L
  /// Number of values that step returns: K with a head, P without.
  Index output() const { return head_.outputs() > 0 ? head_.outputs() : config_.output(); }

  /// One step. x: C values. Returns K values (P without a head), valid until the next step. With fixed C it throws
  /// nothing; with kDynamic it throws shape_error for an x of another size.
  std::span<const Scalar> step(Input x) noexcept(C != kDynamic) {
    if constexpr (C == kDynamic)
      require_shape(static_cast<Index>(x.size()) == input(), "Streaming", Cell::kName, "::step: x has ", x.size(),
                    " values, this layer wants C = ", input());
    const Scalar* values = x.data();
    for (auto& layer : layers_) values = layer.step(values);
    if (head_.outputs() > 0) values = head_.step(values);
    return {values, static_cast<std::size_t>(output())};
  }

  /// Sets the state to zero.
  void reset() noexcept {
    for (auto& layer : layers_) layer.reset();
  }

  /// Continues from `state` (h: P x 1 x L, c: H x 1 x L), for instance from the final state of Recurrent::forward.
  /// Throws shape_error for another shape.
  void set_state(const RecurrentState<Scalar>& state) {
    detail::require_state<Cell>("Streaming", "::set_state", "state", state, config_, 1);
    for (Index l = 0; l < depth(); ++l) {
      auto& layer = layers_[static_cast<std::size_t>(l)];
      std::copy_n(state.h.at(l).data, config_.output(), layer.h());
      if constexpr (Cell::kHasC) std::copy_n(state.c.at(l).data, hidden(), layer.c());
    }
  }

 private:
  RecurrentConfig config_;
  std::vector<detail::StreamLayer<Cell, Scalar>> layers_;
  detail::StreamLinear<Scalar> head_;  // without outputs: no head
};

/// An Lstm for one stream, one step at a time.
template <class Scalar, Index C = kDynamic, Index H = kDynamic>
using StreamingLstm = StreamingRecurrent<LstmCell, Scalar, C, H>;

}  // namespace rondo::inline RONDO_ABI
