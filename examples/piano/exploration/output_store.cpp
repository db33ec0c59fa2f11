// SPDX-License-Identifier: MIT
#include "piano/exploration/output_store.hpp"
#include "piano/page/data.hpp"

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
  fs::create_directories(folder_ / "outputs");
  std::ifstream in(folder_ / "outputs.jsonl");
  for (std::string line; std::getline(in, line);) {
    const json cell = json::parse(line, nullptr, false);
    if (cell.is_object() && cell.value("settings", json()) == settings_ &&
        fs::exists(folder_ / cell.value("file", "?")))
      outputs_.push_back(cell);
  }
}

bool OutputStore::has(const std::string& model, const std::string& primer, double temperature,
                      std::uint64_t seed) const {
  return std::ranges::any_of(outputs_, [&](const json& cell) {
    return cell["model"] == model && cell["primer"] == primer && cell["temperature"] == temperature &&
           cell["seed"] == seed;
  });
}

void OutputStore::add(const std::string& model, const std::string& primer, json numbers, const GeneratedPiece& take) {
  char grid[64];
  std::snprintf(grid, sizeof grid, "-t%g-s%llu.mid", numbers["temperature"].get<double>(),
                static_cast<unsigned long long>(numbers["seed"].get<std::uint64_t>()));
  const std::string file = "outputs/" + model + "-" + primer + grid;
  rondo::midi::write_file(folder_ / file, rondo::midi::compose(take.performance, "Rondo, " + model));
  numbers.update({{"model", model}, {"primer", primer}, {"file", file}, {"settings", settings_}});
  std::ofstream out(folder_ / "outputs.jsonl", std::ios::app);
  out << numbers.dump() << '\n' << std::flush;
  if (!out) throw std::runtime_error((folder_ / "outputs.jsonl").string() + ": cannot be written");
  outputs_.push_back(std::move(numbers));
}

json OutputStore::with_performances() const {
  json all = json::array();
  for (json cell : outputs_) {
    const auto path = folder_ / cell["file"].get<std::string>();
    cell["performance"] = page_performance(path);
    all.push_back(std::move(cell));
  }
  return all;
}

}  // namespace piano
