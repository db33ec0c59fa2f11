// SPDX-License-Identifier: MIT
// The piano program's view of files as JSON on stdout, for data.py to compare with other programs.
// Usage: data_tool load CACHE|- THREADS PEDAL PATH... | primer FILE SECONDS PEDAL | notes TEXT TEMPO | bars FILE
//        | wav MIDI WAV | font
// Exit status 1 with one line on stderr for errors.
#include "piano/audio/wav.hpp"
#include "piano/data/load.hpp"
#include "piano/data/read_primer.hpp"

#include <rondo/music/hash.hpp>
#include "piano/data/read_piece.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace music = rondo::music;
using nlohmann::json;

json notes_of(const music::Performance& performance) {
  json notes = json::array();
  for (const auto& n : performance.notes) notes.push_back({n.start.value, n.end.value, n.pitch, n.velocity});
  return notes;
}

json pedal_of(const music::Performance& performance) {
  json pedal = json::array();
  for (const auto& c : performance.controls) pedal.push_back({c.time.value, c.value});
  return pedal;
}

json bars_of(const music::Piece& piece) {
  json bars = json::array();
  for (const auto& bar : piece.bars) bars.push_back({bar.seconds, bar.number});
  return bars;
}

json loaded(const std::vector<std::string>& arguments) {
  piano::LoadOptions options;
  options.use_cache = arguments.at(0) != "-";
  options.cache = arguments[0];
  options.threads = std::stoi(arguments.at(1));
  std::size_t reports = 0, last = 0, total = 0;
  bool rising = true;
  options.progress = [&](std::size_t done, std::size_t all) {
    rising = rising && done > last;
    last = done, total = all, ++reports;
  };
  const auto pieces =
      piano::load({arguments.begin() + 3, arguments.end()}, music::pedal_mode(arguments.at(2)), options);
  json list = json::array();
  std::uint64_t all = 0;
  for (const auto& piece : pieces.pieces) {
    std::uint64_t hash = music::stable_hash(notes_of(piece.performance).dump() + pedal_of(piece.performance).dump() +
                                            bars_of(piece).dump());
    all = music::mix(all ^ hash);
    list.push_back({{"name", piece.name}, {"notes", piece.performance.notes.size()}, {"hash", hash}});
  }
  return {{"pieces", list}, {"problems", pieces.problems}, {"reports", reports}, {"total", total}, {"rising", rising},
          {"hash", all}};
}

json of(const piano::Primer& primer) {
  return {
      {"notes", notes_of(primer.performance)}, {"pedal", pedal_of(primer.performance)}, {"seconds", primer.seconds}};
}

json run(const std::string& what, const std::vector<std::string>& arguments) {
  if (what == "load") return loaded(arguments);
  if (what == "primer")
    return of(piano::read_primer(arguments.at(0), std::stod(arguments.at(1)), music::pedal_mode(arguments.at(2))));
  if (what == "notes") return of(piano::parse_primer_notes(arguments.at(0), std::stod(arguments.at(1))));
  if (what == "bars") return bars_of(piano::read_piece(arguments.at(0)));
  if (what == "font") return piano::find_soundfont().string();
  if (what == "wav") {
    piano::render_wav(arguments.at(0), arguments.at(1), piano::find_soundfont());
    return arguments[1];
  }
  throw std::invalid_argument("data_tool: unknown command " + what);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const json result = run(arguments.at(0), {arguments.begin() + 1, arguments.end()});
  std::cout << result.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
