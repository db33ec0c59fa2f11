// SPDX-License-Identifier: MIT
// The metrics of `piano eval`: as JSON and as text.
#pragma once

#include "piano/evaluation/evaluate.hpp"
#include "piano/evaluation/ngram.hpp"

#include <rondo/music/dataset.hpp>

#include <nlohmann/json.hpp>

#include <span>

namespace piano {

/// {tokens, notes, seconds, nll_per_token, nll_per_note, nll_per_second, nll_by_event {KIND}, accuracy, calibration
/// {ece, bins [{low, high, confidence, accuracy, count}]}}. `notes` counts the predicted note-ons, `seconds` sums the
/// predicted time shifts. A kind without tokens is null; the pedal is then left out.
nlohmann::json to_json(const Likelihood& likelihood);

/// {uniform, unigram, bigram, trigram, fourgram}, nats per token.
nlohmann::json to_json(const Baselines& baselines);

/// The metrics of Wu and Yang, means over the pieces with notated bars: {pieces, bar_entropy, four_bar_entropy,
/// groove_similarity}. Null if no piece has bars.
nlohmann::json bar_metrics(std::span<const rondo::music::Piece> pieces);

/// Prints the result of `eval` to stdout.
void print_metrics(const nlohmann::json& metrics);

}  // namespace piano
