// SPDX-License-Identifier: MIT
// Embedding: a learned vector for each of V tokens. Legend: V vocabulary, D features of the embedding, B batch, T
// steps.
#pragma once

#include <rondo/core/parameter.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/core/token_input.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/cpu/embedding.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/layers/initialise.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

template <class Scalar, class Device = Cpu>
class Embedding {
 public:
  /// Normal with the given deviation (torch.nn.Embedding: 1). Throws shape_error unless V and D are positive.
  Embedding(Index vocabulary, Index features, Rng& rng, double deviation = 1)
      : E_(features, vocabulary, ParameterKind::embedding) {
    require_shape(vocabulary > 0 && features > 0, "Embedding: V = ", vocabulary, ", D = ", features,
                  ", wanted positive numbers");
    set_from_host(Device{}, E_.value(), [&](auto E) { initialise_normal(E, deviation, rng); });
  }

  Index vocabulary() const { return E_.cols(); }
  Index features() const { return E_.rows(); }
  Parameter<Scalar, Device>& E() { return E_; }

  /// The tokens and this embedding as the input of an LSTM, which looks up what it needs. B*T ids in 0..V-1, token
  /// (b, t) at b + B * t; or `ids_per_step` times as many, those of a step side by side: their embeddings are added,
  /// and kNoToken adds nothing. Throws shape_error for a foreign id. It refers to the tokens and to E.
  TokenInput<Scalar, Device> input(std::span<const std::int32_t> tokens, Index batch, Index time,
                                   Index ids_per_step = 1) const {
    const auto x = checked_input(tokens, batch, time, ids_per_step);
    for (std::int32_t token : tokens)
      require_shape((0 <= token && token < vocabulary()) || (ids_per_step > 1 && token == kNoToken),
                    "Embedding: token ", token, " with V = ", vocabulary());
    return x;
  }

  /// The same of ids that input() has already seen, e.g. for backward: only their count is checked.
  TokenInput<Scalar, Device> checked_input(std::span<const std::int32_t> tokens, Index batch, Index time,
                                           Index ids_per_step = 1) const {
    require_count("Embedding", tokens, batch, time, ids_per_step);
    return {E_.value(), tokens, batch, time, ids_per_step};
  }

  /// y becomes D x B x T, the embedding of every step.
  void forward(std::span<const std::int32_t> tokens, Index batch, Index time, Sequence<Scalar, Device>& y,
               Index ids_per_step = 1) const {
    const TokenInput<Scalar, Device> x = input(tokens, batch, time, ids_per_step);
    y.resize(features(), batch, time);
    embedding_forward(Device{}, x.E, tokens, y.flat());
  }

  /// Adds to the gradient of E. dy: D x B x T; tokens and ids_per_step are those of the forward pass, which has seen to
  /// it that they are tokens: here they are only counted.
  void backward(std::span<const std::int32_t> tokens, const Sequence<Scalar, Device>& dy, Index ids_per_step = 1) {
    require_shape(dy.features() == features(), "Embedding::backward: dy is ", dy.shape(),
                  ", this layer wants D = ", features());
    require_count("Embedding::backward", tokens, dy.batch(), dy.time(), ids_per_step);
    embedding_backward(Device{}, tokens, dy.flat(), E_.grad());
  }

  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    f(path / "weight", E_);
  }
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) const {
    f(path / "weight", E_);
  }

 private:
  static void require_count(const char* who, std::span<const std::int32_t> tokens, Index batch, Index time,
                            Index ids_per_step) {
    require_shape(batch >= 0 && time >= 0 && ids_per_step > 0, who, ": B x T = ", batch, " x ", time, ", ",
                  ids_per_step, " a step");
    require_shape(static_cast<Index>(tokens.size()) == batch * time * ids_per_step, who, ": ", tokens.size(),
                  ids_per_step == 1 ? " tokens" : " ids", " for B x T = ", batch, " x ", time,
                  ids_per_step == 1 ? "" : detail::concat(", ", ids_per_step, " a step"));
  }

  Parameter<Scalar, Device> E_;  // D x V, a column a token
};

}  // namespace rondo::inline RONDO_ABI
