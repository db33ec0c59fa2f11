// SPDX-License-Identifier: MIT
// Dynamic evaluation of pieces, and the choice of its settings.
#pragma once

#include "piano/adaptation/settings.hpp"
#include "piano/evaluation/evaluate.hpp"

#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/dataset.hpp>

#include <cstddef>
#include <limits>
#include <span>

namespace piano {

/// The likelihood of pieces with adaptation, which starts again with each piece; of at most about `limit` tokens of
/// each.
Likelihood evaluate_adaptive(const rondo::TokenModel<float>& trained, const AdaptationSettings& settings,
                             std::span<const rondo::music::Piece> pieces, const rondo::music::InputSpec& input_spec,
                             std::size_t limit = std::numeric_limits<std::size_t>::max());

/// Settings whose likelihood is best on training pieces: the beginnings of up to four of them, about `tokens` tokens in
/// all. Learning rate first, then the pull. The defaults if there are less than kFewestTuningTokens.
AdaptationSettings tune_adaptation(const rondo::TokenModel<float>& trained,
                                   std::span<const rondo::music::Piece> training_pieces,
                                   const rondo::music::InputSpec& input_spec, std::size_t tokens);
inline constexpr std::size_t kFewestTuningTokens = 512;

}  // namespace piano
