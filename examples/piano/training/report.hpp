// SPDX-License-Identifier: MIT
// Checkpoint samples and report.html, which plays them.
#pragma once

#include "piano/run/run_dir.hpp"

#include <rondo/music/dataset.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace piano {

/// Samples a continuation of the beginning of the first validation piece with the newest weights, always with seed 1
/// and temperature 1, and writes it as samples/step-N.mid. Returns its entry in a line of metrics: {file, primer,
/// primer_seconds, seed, temperature}.
nlohmann::json write_checkpoint_sample(const RunDir& run, const Config& config, const rondo::music::Corpus& corpus,
                                       std::int64_t step);

/// Writes report.html from metrics.jsonl and the samples. `facts` holds tokens_train, tokens_valid, parameters and
/// baselines.
void write_report(const RunDir& run, const Config& config, const nlohmann::json& facts, bool done);

}  // namespace piano
