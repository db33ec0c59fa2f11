// SPDX-License-Identifier: MIT
#include "piano/exploration/output_store.hpp"
#include "piano/audio/wav.hpp"
#include "piano/page/data.hpp"
#include "piano/run/folders.hpp"

#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace piano {

namespace fs = std::filesystem;
using nlohmann::json;

OutputStore::OutputStore(fs::path folder, json settings) : folder_(std::move(folder)), settings_(std::move(settings)) {
  if (const fs::path former = folder_ / "cells.jsonl"; path_exists(former))
    throw std::runtime_error(former.string() +
                             ": is now outputs.jsonl, and the folder cells is now outputs; use another --output-dir");
  create_folder(folder_ / "outputs");
  std::ifstream in(folder_ / "outputs.jsonl");
  for (std::string line; std::getline(in, line);) {
    const json output = json::parse(line, nullptr, false);
    if (output.is_object() && output.value("settings", json()) == settings_ &&
        path_exists(folder_ / output.value("file", "?")))
      outputs_.push_back(output);
  }
}

bool OutputStore::has(const std::string& model, const std::string& primer, double temperature,
                      std::uint64_t seed) const {
  return std::ranges::any_of(outputs_, [&](const json& output) {
    return output["model"] == model && output["primer"] == primer && output["temperature"] == temperature &&
           output["seed"] == seed;
  });
}

void OutputStore::add(const std::string& model, const std::string& primer, json metrics, const GeneratedPiece& piece) {
  char suffix[64];
  std::snprintf(suffix, sizeof suffix, "-t%g-s%llu.mid", metrics["temperature"].get<double>(),
                static_cast<unsigned long long>(metrics["seed"].get<std::uint64_t>()));
  const std::string file = "outputs/" + model + "-" + primer + suffix;
  rondo::midi::write_file(folder_ / file, rondo::midi::compose(piece.performance, "Rondo, " + model));
  metrics.update({{"model", model}, {"primer", primer}, {"file", file}, {"settings", settings_}});
  std::ofstream out(folder_ / "outputs.jsonl", std::ios::app);
  out << metrics.dump() << '\n' << std::flush;
  if (!out) throw std::runtime_error((folder_ / "outputs.jsonl").string() + ": cannot be written");
  outputs_.push_back(std::move(metrics));
}

void OutputStore::render(const fs::path& soundfont) {
  for (json& output : outputs_) {
    const fs::path midi = output["file"].get<std::string>();
    const fs::path wav = fs::path(midi).replace_extension(".wav");
    if (!path_exists(folder_ / wav)) render_wav(folder_ / midi, folder_ / wav, soundfont);
    output["wav"] = wav.string();
  }
}

json OutputStore::with_performances() const {
  json all = json::array();
  for (json output : outputs_) {
    output["performance"] = page_performance(folder_ / output["file"].get<std::string>());
    all.push_back(std::move(output));
  }
  return all;
}

}  // namespace piano
