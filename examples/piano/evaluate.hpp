// SPDX-License-Identifier: MIT
// How well a model foretells pieces: negative log-likelihood in nats, in all and by kind of event.
#pragma once

#include <rondo/layers/token_model.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/music/vocabulary.hpp>

#include <array>
#include <cstddef>
#include <span>

namespace piano {

struct Likelihood {
  static constexpr std::size_t kKinds = 5;  // of rondo::music::EventKind
  std::array<double, kKinds> nats{};
  std::array<std::size_t, kKinds> tokens{};
  std::size_t correct = 0;  // tokens that were the likeliest

  double total_nats() const;
  std::size_t total_tokens() const;
  double per_token() const { return total_nats() / static_cast<double>(total_tokens()); }
  double of(rondo::music::EventKind kind) const;  // per token of that kind; 0 where there is none
};

/// Every token of every piece but its first, given all before it.
Likelihood evaluate(const rondo::TokenModel<float>& model, std::span<const rondo::music::Piece> pieces);

}  // namespace piano
