// SPDX-License-Identifier: MIT
// The pages that the program leaves beside its files: one HTML file each, complete in itself, that shows and plays
// performances in a browser without a network. Style, scripts and markup (web/) are compiled into the program.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace piano {

/// samples: outputs of `piano sample`. report: a training run. explore: a grid of outputs of several models.
enum class Page { samples, report, explore };

/// Replaces `file` by the page that shows `data`. Times are in seconds, likelihoods in nats per token; a key that is
/// missing or null is shown as unknown. What each page reads stands at the top of web/samples.js, web/report.js and
/// web/explore.js. `data` holds UTF-8; a byte that is not is written as U+FFFD. Throws rondo::file_error, naming the
/// file and the reason; a former file is then whole.
void write_page(const std::filesystem::path& file, Page page, const nlohmann::json& data);

}  // namespace piano
