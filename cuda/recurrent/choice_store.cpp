// SPDX-License-Identifier: MIT
#include "choice_store.hpp"

#include "../runtime.hpp"

#include <rondo/version.hpp>

#include <algorithm>
#include <bit>
#include <compare>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

/// What a choice depends on. T counts by powers of two.
struct Key {
  std::string device;  // see device_text
  std::string cell;
  Precision precision;
  bool backward, ragged;
  Index H, B;
  int T_log2;
  auto operator<=>(const Key&) const = default;
};

Key key_of(const AlgorithmRecord& r) {
  return {r.device, r.cell,   r.precision, r.backward,
          r.ragged, r.hidden, r.batch,     static_cast<int>(std::bit_width(static_cast<std::uint64_t>(r.time))) - 1};
}

struct Store {
  std::mutex lock;
  std::map<Key, AlgorithmRecord> records;
};

Store& store() {
  static Store all;
  return all;
}

}  // namespace

const std::string& device_text() {
  Context::Impl& current = context();
  if (!current.device_text.empty()) return current.device_text;
  const DeviceInfo& d = current.device;
  std::ostringstream out;
  out << d.name << ", " << d.multiprocessors << " multiprocessors, compute capability " << d.major << '.' << d.minor
      << ", driver " << d.driver << ", runtime " << d.runtime << ", rondo " << RONDO_VERSION_MAJOR << '.'
      << RONDO_VERSION_MINOR << '.' << RONDO_VERSION_PATCH;
  return current.device_text = out.str();
}

std::optional<RecurrentAlgorithm> find_choice(const AlgorithmRecord& r) {
  const std::lock_guard guard(store().lock);
  const auto found = store().records.find(key_of(r));
  return found == store().records.end() ? std::nullopt : std::optional(found->second.algorithm);
}

RecurrentAlgorithm store_choice(const AlgorithmRecord& r) {
  const std::lock_guard guard(store().lock);
  return store().records.emplace(key_of(r), r).first->second.algorithm;
}

std::optional<RecurrentAlgorithm> find_choice_of_any_batch(const std::string& cell, Index H, Precision precision) {
  const std::string& device = device_text();
  const std::lock_guard guard(store().lock);
  for (const auto& [key, record] : store().records)
    if (key.device == device && key.cell == cell && key.precision == precision && !key.backward && key.H == H)
      return record.algorithm;
  return std::nullopt;
}

std::vector<AlgorithmRecord> algorithm_records() {
  const std::lock_guard guard(store().lock);
  std::vector<AlgorithmRecord> all;
  for (const auto& [key, record] : store().records) all.push_back(record);
  return all;
}

void clear_algorithm_records() {
  const std::lock_guard guard(store().lock);
  store().records.clear();
}

// One line a choice, tab-separated: device, cell, precision, direction of the pass, extent, H, B, T, algorithm.
void save_algorithm_records(const std::string& path) {
  std::ofstream out(path);
  out << "# rondo: algorithms of recurrent layers\n";
  for (const AlgorithmRecord& r : algorithm_records())
    out << r.device << '\t' << r.cell << '\t' << name(r.precision) << '\t' << (r.backward ? "backward" : "forward")
        << '\t' << (r.ragged ? "ragged" : "dense") << '\t' << r.hidden << '\t' << r.batch << '\t' << r.time << '\t'
        << name(r.algorithm) << '\n';
  out.close();
  if (!out) throw error(rondo::detail::concat("rondo::cuda: ", path, " could not be written"));
}

void load_algorithm_records(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw error(rondo::detail::concat("rondo::cuda: ", path, " could not be read"));
  const auto fail = [&](int line, const std::string& what) {
    throw error(rondo::detail::concat("rondo::cuda: ", path, ":", line, ": ", what));
  };
  std::vector<AlgorithmRecord> read;
  std::string text;
  for (int line = 1; std::getline(in, text); ++line) {
    if (text.empty() || text[0] == '#') continue;
    std::vector<std::string> parts;
    std::istringstream split(text);
    for (std::string part; std::getline(split, part, '\t');) parts.push_back(part);
    if (parts.size() != 9) fail(line, rondo::detail::concat(parts.size(), " fields, wanted 9, separated by tabs"));
    AlgorithmRecord r;
    r.device = parts[0], r.cell = parts[1];
    const auto precision = precision_named(parts[2]);
    if (!precision) fail(line, "unknown precision " + parts[2]);
    r.precision = *precision;
    r.backward = parts[3] == "backward", r.ragged = parts[4] == "ragged";
    if ((!r.backward && parts[3] != "forward") || (!r.ragged && parts[4] != "dense"))
      fail(line, "wanted forward or backward, dense or ragged, got " + parts[3] + ", " + parts[4]);
    for (const auto& [to, part] : {std::pair{&r.hidden, 5}, {&r.batch, 6}, {&r.time, 7}}) {
      std::istringstream number(parts[static_cast<std::size_t>(part)]);
      if (!(number >> *to) || !number.eof() || *to < 1)
        fail(line, parts[static_cast<std::size_t>(part)] + " is not a positive number");
    }
    const auto algorithm = std::find_if(std::begin(kAllAlgorithms), std::end(kAllAlgorithms),
                                        [&](RecurrentAlgorithm k) { return parts[8] == name(k); });
    if (algorithm == std::end(kAllAlgorithms)) fail(line, "unknown algorithm " + parts[8]);
    r.algorithm = *algorithm;
    read.push_back(std::move(r));
  }
  const std::lock_guard guard(store().lock);
  for (AlgorithmRecord& r : read) store().records[key_of(r)] = r;
}

}  // namespace rondo::inline RONDO_ABI::cuda
