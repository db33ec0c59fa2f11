// SPDX-License-Identifier: MIT
// How a run sounds and looks on its way: a sample of each checkpoint, and report.html, which plays them.
#pragma once

#include "piano/run/run_dir.hpp"

#include <rondo/music/dataset.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace piano {

/// Has the newest weights go on from the beginning of the first validation piece, always with the same seed, and writes
/// it as samples/step-N.mid. Returns what a line of metrics says of it: {file, primer, primer_seconds, seed,
/// temperature}.
nlohmann::json write_checkpoint_sample(const RunDir& run, const Config& config, const rondo::music::Corpus& corpus,
                                       std::int64_t step);

/// Writes report.html from metrics.jsonl and the samples. `facts` has what is known of the run beside its config:
/// tokens_train, tokens_valid, parameters, floors.
void write_report(const RunDir& run, const Config& config, const nlohmann::json& facts, bool done);

}  // namespace piano
