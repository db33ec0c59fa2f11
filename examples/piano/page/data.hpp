// SPDX-License-Identifier: MIT
// What the pages are told of a performance: numbers alone, as few digits as it takes.
#pragma once

#include <rondo/music/performance.hpp>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace piano {

/// {notes [[start, end, pitch, velocity, kept]], pedal [[time, 0|1]], seconds}, times in seconds to a thousandth;
/// `kept` is 1 for notes that were given, and is left out where `given` is empty.
nlohmann::json page_performance(const rondo::music::Performance& performance, const std::vector<bool>& given = {});

/// The same of a MIDI file. Throws what reading one throws.
nlohmann::json page_performance(const std::filesystem::path& midi);

/// What a page of samples is called: "Continuations of bach-bwv846-prelude".
std::string page_title(const std::string& mode, const std::string& primer);

}  // namespace piano
