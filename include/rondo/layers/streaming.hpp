// SPDX-License-Identifier: MIT
// StreamingRecurrent: one stream, one step at a time, as an audio callback or a control loop wants it:
//
//   StreamingLstm<float, 1, 16> stream(lstm, head);   // sizes known when compiling; or StreamingLstm<float>(lstm)
//   float y = stream.step(x)[0];                      // C numbers in, K (or, without a head, P) numbers out
//
// It copies and packs the weights of a network of any depth, and of a Linear behind it, and holds the state. step()
// allocates nothing, takes no lock, makes no system call and, given C numbers, throws nothing; one object belongs to
// one thread. Its sums are ordered for latency: it agrees with Lstm::step to rounding, not to the bit. On the CPU.
// Legend: C inputs, H hidden units, P outputs of the network, K outputs of the head, L layers.
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

/// A size that is known only when the program runs.
inline constexpr Index kDynamic = -1;

template <class Cell, class Scalar, Index C = kDynamic, Index H = kDynamic>
class StreamingRecurrent {
 public:
  using Network = Recurrent<Cell, Scalar>;
  using Input = std::span<const Scalar, C == kDynamic ? std::dynamic_extent : static_cast<std::size_t>(C)>;

  /// Throws shape_error if `network` has not the sizes of this type or goes both ways. The state is zero.
  explicit StreamingRecurrent(const Network& network) : config_(network.config()) {
    require_shape((C == kDynamic || C == input()) && (H == kDynamic || H == hidden()), "Streaming", Cell::kName,
                  "<C = ", C, ", H = ", H, ">: the network has C = ", input(), ", H = ", hidden());
    require_shape(!network.config().bidirectional, "Streaming", Cell::kName,
                  ": a bidirectional network needs whole sequences");
    for (Index l = 0; l < network.depth(); ++l)
      layers_.emplace_back(network.layer(l).weights(), network.layer(l).inference_options());
  }

  /// With a linear layer behind it.
  StreamingRecurrent(const Network& network, const Linear<Scalar>& head) : StreamingRecurrent(network) {
    require_shape(head.input() == network.output(), "Streaming", Cell::kName, ": the head wants C = ", head.input(),
                  " of a network with P = ", network.output());
    head_ = {head.weight(), head.bias()};
  }

  Index input() const { return config_.input; }
  Index hidden() const { return config_.hidden; }
  Index depth() const { return static_cast<Index>(layers_.size()); }
  /// Numbers that a step gives: K of the head, P without one.
  Index output() const { return head_.outputs() > 0 ? head_.outputs() : config_.output(); }

  /// One step. x has C numbers. What is returned stays until the next step. Where C is part of the type, so is the size
  /// of x, and step throws nothing; else it throws shape_error for an x of another size.
  std::span<const Scalar> step(Input x) noexcept(C != kDynamic) {
    if constexpr (C == kDynamic)
      require_shape(static_cast<Index>(x.size()) == input(), "Streaming", Cell::kName, "::step: x has ", x.size(),
                    " numbers, this layer wants C = ", input());
    const Scalar* values = x.data();
    for (auto& layer : layers_) values = layer.step(values);
    if (head_.outputs() > 0) values = head_.step(values);
    return {values, static_cast<std::size_t>(output())};
  }

  /// Starts anew from a state of zeros.
  void reset() noexcept {
    for (auto& layer : layers_) layer.reset();
  }

  /// Goes on from `state` (P x 1 x L and H x 1 x L), e.g. where Lstm::forward left it. Throws shape_error if it has
  /// another shape.
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
  detail::StreamLinear<Scalar> head_;  // no outputs: none
};

template <class Scalar, Index C = kDynamic, Index H = kDynamic>
using StreamingLstm = StreamingRecurrent<LstmCell, Scalar, C, H>;

}  // namespace rondo::inline RONDO_ABI
