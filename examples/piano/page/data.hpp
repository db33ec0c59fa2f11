// SPDX-License-Identifier: MIT
// Performances as JSON for the pages.
#pragma once

#include <rondo/music/performance.hpp>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace piano {

/// {notes [[start, end, pitch, velocity, kept]], pedal [[time, 0|1]], seconds}, times in seconds, rounded to
/// milliseconds; `kept` is 1 for notes with `given`, and is omitted if `given` is empty.
nlohmann::json page_performance(const rondo::music::Performance& performance, const std::vector<bool>& given = {});

/// The same for a MIDI file. Throws what reading it throws.
nlohmann::json page_performance(const std::filesystem::path& midi);

/// The title of a page of samples: "Continuations of bach-bwv846-prelude".
std::string page_title(const std::string& mode, const std::string& primer);

}  // namespace piano
