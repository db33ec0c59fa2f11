// SPDX-License-Identifier: MIT
// StreamingRecurrent: a trained network for one stream, step by step or in blocks of steps, for audio callbacks and
// control loops. CPU only. Legend: C inputs, H hidden units, P outputs of the network, K outputs of the head, L layers,
// B voices.
#pragma once

#include <rondo/cpu/streaming.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/recurrent.hpp>

#include <cstddef>
#include <span>

namespace rondo::inline RONDO_ABI {

/// A size that is not known at compile time.
inline constexpr Index kDynamic = -1;

/// A trained recurrent network for one stream, or for several voices that share its weights, with an optional linear
/// layer (the head) after it. Copies and packs the weights, and holds the state. step() and process() allocate nothing,
/// take no lock and make no system call. One object belongs to one thread. The order of its sums is chosen for latency:
/// results agree with Recurrent::step to rounding, they are not bit-identical.
///
/// @code
/// rondo::StreamingLstm<float, 1, 16> stream(lstm, head);  // fixed sizes; or rondo::StreamingLstm<float> stream(lstm)
/// const float y = stream.step(x)[0];                      // C values in; K values out, P without a head
/// stream.process(inputs, outputs);                        // a block of known inputs takes less time for each step
/// @endcode
template <class Cell, class Scalar, Index C = kDynamic, Index H = kDynamic>
class StreamingRecurrent {
 public:
  using Network = Recurrent<Cell, Scalar>;  ///< network whose weights are copied
  /// Input of one step, C values.
  using Input = std::span<const Scalar, C == kDynamic ? std::dynamic_extent : static_cast<std::size_t>(C)>;

  /// Copies the weights; the state is zero. Throws shape_error if `network` does not have the sizes of this type or is
  /// bidirectional, for a number of voices below 1, or other than 1 with a fixed C, and for a layer that does not
  /// support the precision of the weights.
  explicit StreamingRecurrent(const Network& network, const StreamingOptions& options = {})
      : StreamingRecurrent(network, nullptr, options) {}

  /// With a linear layer after the network. Also throws shape_error if `head` does not have P inputs.
  StreamingRecurrent(const Network& network, const Linear<Scalar>& head, const StreamingOptions& options = {})
      : StreamingRecurrent(network, &head, options) {}

  Index input() const { return config_.input; }      ///< C
  Index hidden() const { return config_.hidden; }    ///< H
  Index depth() const { return stack_.depth(); }     ///< L
  Index voices() const { return options_.voices; }   ///< B
  Index output() const { return stack_.outputs(); }  ///< values per step and voice: K with a head, P without

  /// One step. x: C values, or B * C with voices, voice after voice. Returns B * K values (P without a head), valid
  /// until the next call. With fixed C it throws nothing; with kDynamic it throws shape_error for an x of another size.
  std::span<const Scalar> step(Input x) noexcept(C != kDynamic) {
    if constexpr (C == kDynamic)
      require_shape(static_cast<Index>(x.size()) == input() * voices(), "Streaming", Cell::kName, "::step: x has ",
                    x.size(), " values, this layer wants C = ", input(), voices() > 1 ? " for each voice" : "");
    return {stack_.step(x.data()), static_cast<std::size_t>(output() * voices())};
  }

  /// A block of n steps, with the bits of n single steps. x: n * B * C values and y: n * B * K (P without a head), step
  /// after step, within a step voice after voice. n may be 0. x and y may be the same memory if C == K. Throws
  /// shape_error if x is not a whole number of steps or y has another number of them.
  void process(std::span<const Scalar> x, std::span<Scalar> y) {
    const Index steps =
        detail::steps_of_block(x.size(), y.size(), input() * voices(), output() * voices(), "Streaming", Cell::kName);
    stack_.process(steps, x.data(), y.data());
  }

  /// Sets the state to zero.
  void reset() noexcept { stack_.reset(); }

  /// Continues from `state` (h: P x B x L, c: H x B x L), for instance from the final state of Recurrent::forward.
  /// Throws shape_error for another shape.
  void set_state(const RecurrentState<Scalar>& state) {
    detail::require_state<Cell>("Streaming", "::set_state", "state", state, config_, voices());
    for (Index l = 0; l < depth(); ++l)
      for (Index b = 0; b < voices(); ++b) {
        const Scalar* c = nullptr;
        if constexpr (Cell::kHasC) c = &state.c.at(l)(0, b);
        stack_.layer(l).set_state(b, &state.h.at(l)(0, b), c);
      }
  }

 private:
  StreamingRecurrent(const Network& network, const Linear<Scalar>* head, const StreamingOptions& options)
      : config_(network.config()), options_(options), stack_(options, network.config().input) {
    require_shape((C == kDynamic || C == input()) && (H == kDynamic || H == hidden()), "Streaming", Cell::kName,
                  "<C = ", C, ", H = ", H, ">: the network has C = ", input(), ", H = ", hidden());
    require_shape(!network.config().bidirectional, "Streaming", Cell::kName,
                  ": a bidirectional network needs whole sequences");
    require_shape(voices() >= 1 && (C == kDynamic || voices() == 1), "Streaming", Cell::kName, ": ", voices(),
                  " voices, wanted ", C == kDynamic ? "at least 1" : "1 with a fixed C");
    require_shape(head == nullptr || head->input() == network.output(), "Streaming", Cell::kName,
                  ": the head wants C = ", head ? head->input() : 0, " of a network with P = ", network.output());
    for (Index l = 0; l < network.depth(); ++l)
      stack_.add(network.layer(l).weights(), network.layer(l).inference_options());
    if (head != nullptr) stack_.set_head(head->weight(), head->bias());
    stack_.allocate();
  }

  RecurrentConfig config_;
  StreamingOptions options_;
  detail::StreamStack<Cell, Scalar> stack_;
};

/// An Lstm for one stream, step by step or in blocks of steps.
template <class Scalar, Index C = kDynamic, Index H = kDynamic>
using StreamingLstm = StreamingRecurrent<LstmCell, Scalar, C, H>;

}  // namespace rondo::inline RONDO_ABI
