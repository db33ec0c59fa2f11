// SPDX-License-Identifier: MIT
// The figures of `piano eval`: as JSON, and for people.
#pragma once

#include "piano/evaluation/evaluate.hpp"

#include <rondo/music/dataset.hpp>
#include "piano/evaluation/ngram.hpp"

#include <nlohmann/json.hpp>

#include <span>

namespace piano {

/// {tokens, notes, seconds, nll_per_token, nll_per_note, nll_per_second, nll_by_event {KIND}, accuracy, calibration
/// {ece, bins [{low, high, confidence, accuracy, count}]}}. A note is a note-on that was foretold; seconds are those of
/// the time shifts that were; a kind of which there was none is null, and the pedal left out.
nlohmann::json to_json(const Likelihood& likelihood);

/// {uniform, unigram, bigram, trigram, fourgram}, nats per token.
nlohmann::json to_json(const Baselines& baselines);

/// The pieces that know their bars, by Wu and Yang's measures over these: {pieces, bar_entropy, four_bar_entropy,
/// groove_similarity}, means over pieces. Null where none does.
nlohmann::json bar_metrics(std::span<const rondo::music::Piece> pieces);

/// All that `eval` found, on stdout.
void print_metrics(const nlohmann::json& figures);

}  // namespace piano
