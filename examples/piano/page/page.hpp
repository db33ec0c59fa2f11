// SPDX-License-Identifier: MIT
// The pages that the program writes: self-contained HTML files that show and play performances in a browser, without a
// network. Style, scripts and markup (web/) are compiled into the program.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace piano {

/// samples: outputs of `piano sample`. report: a training run. explore: a grid of outputs of several models.
enum class Page { samples, report, explore };

/// Replaces `file` by the page that shows `data`. Times are in seconds, likelihoods in nats per token; a missing or
/// null value is shown as unknown. The comments at the top of web/samples.js, web/report.js and web/explore.js list the
/// keys. `data` is UTF-8; invalid bytes are written as U+FFFD. Throws rondo::file_error with the file and the reason;
/// an existing file is then unchanged.
void write_page(const std::filesystem::path& file, Page page, const nlohmann::json& data);

}  // namespace piano
