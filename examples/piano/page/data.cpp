// SPDX-License-Identifier: MIT
#include "piano/page/data.hpp"

#include <rondo/midi/notes.hpp>
#include <rondo/midi/reader.hpp>

#include <cmath>
#include <cstddef>

namespace piano {

namespace music = rondo::music;
using nlohmann::json;

json page_performance(const music::Performance& performance, const std::vector<bool>& given) {
  const auto rounded = [](rondo::midi::Seconds time) { return std::round(time.value * 1000) / 1000; };
  json notes = json::array(), pedal = json::array();
  for (std::size_t i = 0; i < performance.notes.size(); ++i) {
    const music::Note& note = performance.notes[i];
    notes.push_back(json::array({rounded(note.start), rounded(note.end), note.pitch, note.velocity}));
    if (!given.empty()) notes.back().push_back(given[i] ? 1 : 0);
  }
  for (const auto& change : performance.controls)
    if (music::is_pedal(change)) pedal.push_back(json::array({rounded(change.time), music::is_down(change) ? 1 : 0}));
  return {{"notes", notes}, {"pedal", pedal}, {"seconds", rounded(performance.duration)}};
}

json page_performance(const std::filesystem::path& midi) {
  return page_performance(rondo::midi::extract<rondo::midi::Seconds>(rondo::midi::read_file(midi).file));
}

std::string page_title(const std::string& mode, const std::string& primer) {
  if (mode == "free") return "Music without a primer";
  return (mode == "vary" ? "Variations on " : "Continuations of ") + primer;
}

}  // namespace piano
