// SPDX-License-Identifier: MIT
// Embedding: a learned vector for each of V tokens. Legend: V vocabulary, D features of the embedding, B batch, T
// steps.
#pragma once

#include <rondo/core/parameter.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/cpu/embedding.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/layers/initialise.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline v0 {

template <class Scalar, class Device = Cpu>
class Embedding {
 public:
  /// Normal with the given deviation (torch.nn.Embedding: 1).
  Embedding(Index vocabulary, Index features, Rng& rng, double deviation = 1)
      : E_(features, vocabulary, TorchShape::transposed) {
    initialise_normal(E_.value(), deviation, rng);
  }

  Index vocabulary() const { return E_.cols(); }
  Index features() const { return E_.rows(); }
  Parameter<Scalar, Device>& E() { return E_; }

  /// tokens: B*T ids in 0..V-1, token (b, t) at b + B * t. y becomes D x B x T. Throws shape_error for a foreign id.
  void forward(std::span<const std::int32_t> tokens, Index batch, Index time, Sequence<Scalar, Device>& y) const {
    require_shape(static_cast<Index>(tokens.size()) == batch * time, "Embedding::forward: ", tokens.size(),
                  " tokens for B x T = ", batch, " x ", time);
    for (std::int32_t token : tokens)
      require_shape(0 <= token && token < vocabulary(), "Embedding::forward: token ", token,
                    " with V = ", vocabulary());
    y.resize(features(), batch, time);
    embedding_forward(Device{}, E_.value(), tokens, y.flat());
  }

  /// Adds to the gradient of E.
  void backward(std::span<const std::int32_t> tokens, const Sequence<Scalar, Device>& dy) {
    embedding_backward(Device{}, tokens, dy.flat(), E_.grad());
  }

  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    f(path / "weight", E_);
  }

 private:
  Parameter<Scalar, Device> E_;  // D x V, a column a token
};

}  // namespace rondo::inline v0
