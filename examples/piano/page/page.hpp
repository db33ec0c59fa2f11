// SPDX-License-Identifier: MIT
// The pages that the program writes: self-contained HTML files that show and play performances in a browser, without a
// network. Style, scripts and markup (web/) are compiled into the program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

namespace piano {

/// samples: outputs of `piano sample`. report: a training run. explore: a grid of outputs of several models.
enum class Page { samples, report, explore };

/// Replaces `file` by the page that shows `data`. A page of samples can also play with `model`, the bytes of a packed
/// model (instrument/packed_model.hpp), if the program was built with Emscripten. Times are in seconds, likelihoods in
/// nats per token; a missing or null value is shown as unknown. The comments at the top of web/samples.js,
/// web/report.js and web/explore.js list the keys. `data` is UTF-8; invalid bytes are written as U+FFFD. Throws
/// rondo::file_error with the file and the reason; an existing file is then unchanged.
void write_page(const std::filesystem::path& file, Page page, const nlohmann::json& data,
                std::span<const std::uint8_t> model = {});

}  // namespace piano
