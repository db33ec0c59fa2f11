// SPDX-License-Identifier: MIT
// A cache file is a header (magic, version, byte order, the home folder) and entries end to end. An entry is its
// length, a checksum of all that follows, the file's stamp and path, and the reading. Numbers are in this machine's
// byte order.
#include "piano/data/cache.hpp"

#include <rondo/io/replace_file.hpp>
#include <rondo/music/hash.hpp>
#include <rondo/version.hpp>

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <span>
#include <type_traits>

namespace piano {
namespace {

namespace fs = std::filesystem;
namespace music = rondo::music;

constexpr char kMagic[16] = "rondo readings\n";
// To be raised with every change to the format, and to what reading a file gives: notes, pedal, bars, performances.
constexpr std::uint32_t kFormat = 1;
constexpr std::uint32_t kByteOrder = 0x01020304;

class Writer {
 public:
  template <class T>
  void put(const T& value) {
    static_assert(std::is_arithmetic_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put_text(std::string_view text) {
    put(static_cast<std::uint64_t>(text.size()));
    bytes_ += text;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what Writer wrote; after the first thing that is not there `failed`, and gives zeros.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T get() {
    T value{};
    if (const auto bytes = take(sizeof value); !bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string_view get_text() { return take(get<std::uint64_t>()); }
  /// How many things of that size come; never more than there are bytes for.
  std::size_t get_count(std::size_t size) {
    const auto count = get<std::uint64_t>();
    if (count > rest_.size() / size) failed_ = true;
    return failed_ ? 0 : static_cast<std::size_t>(count);
  }
  std::string_view rest() const { return rest_; }
  bool failed() const { return failed_; }
  bool whole() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view take(std::uint64_t size) {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return {};
    }
    const auto taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
  bool failed_ = false;
};

/// Against a disk's faults and halves of files, not against ill will; eight bytes at a time.
std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t sum = bytes.size();
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), size);
    sum = (std::rotl(sum, 23) ^ word) * 0x9e3779b97f4a7c15u;
    bytes.remove_prefix(size);
  }
  return music::mix(sum);
}

constexpr std::size_t kNoteBytes = 2 * sizeof(double) + 3, kControlBytes = sizeof(double) + 2,
                      kBarBytes = sizeof(double) + sizeof(std::int32_t);

std::string header_of(const fs::path& home) {
  Writer header;
  for (char c : kMagic) header.put(c);
  header.put(kFormat);
  header.put(kByteOrder);
  for (std::uint32_t part : {RONDO_VERSION_MAJOR, RONDO_VERSION_MINOR, RONDO_VERSION_PATCH}) header.put(part);
  header.put_text(home.string());
  return header.take();
}

std::string hexadecimal(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

std::string read_whole(const fs::path& path) {
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return {};
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::string bytes(in ? static_cast<std::size_t>(in.tellg()) : 0, '\0');
  in.seekg(0);
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return in ? bytes : std::string();
}

/// Whether a time is one that reading can have given.
bool is_time(double seconds) { return seconds >= 0 && seconds <= music::kLongestPerformance; }

}  // namespace

fs::path cache_folder() {
  // A relative XDG_CACHE_HOME is to be ignored, says the XDG Base Directory Specification.
  const char* const given = std::getenv("XDG_CACHE_HOME");
  if (given != nullptr && fs::path(given).is_absolute()) return fs::path(given) / "rondo";
  const char* const home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? fs::path(home) / ".cache" / "rondo" : fs::path();
}

std::optional<FileStamp> stamp_of(const fs::path& path) {
  std::error_code code;
  const auto modified = fs::last_write_time(path, code);
  if (code || fs::file_time_type::clock::now() - modified < std::chrono::milliseconds(100)) return std::nullopt;
  const auto size = fs::file_size(path, code);
  if (code) return std::nullopt;
  return FileStamp{size, modified.time_since_epoch().count()};
}

Cache::Cache(const fs::path& folder, const fs::path& home)
    : path_(folder / ("readings-" + hexadecimal(music::stable_hash(home.string())))), header_(header_of(home)) {
  try {
    bytes_ = read_whole(path_);
  } catch (const std::exception&) {  // no memory for it, no right to look
  }
  if (!std::string_view(bytes_).starts_with(header_)) return;
  Reader all(std::string_view(bytes_).substr(header_.size()));
  while (!all.rest().empty()) {
    const std::string_view entry = all.get_text();
    Reader fields(entry);
    fields.get<std::uint64_t>();  // the checksum, for decode()
    fields.get<std::uint64_t>(), fields.get<std::int64_t>();
    const std::string_view path = fields.get_text();
    if (all.failed() || fields.failed()) return;  // what came before may still serve
    entries_.insert_or_assign(std::string(path), entry);
  }
}

std::optional<std::string_view> Cache::find(const std::string& path, const FileStamp& stamp) const {
  const auto found = entries_.find(path);
  if (found == entries_.end()) return std::nullopt;
  Reader fields(found->second);
  fields.get<std::uint64_t>();
  const auto size = fields.get<std::uint64_t>();
  const auto modified = fields.get<std::int64_t>();
  if (FileStamp{size, modified} != stamp) return std::nullopt;
  return found->second;
}

std::string Cache::encode(const std::string& path, const FileStamp& stamp, const Reading& reading) {
  Writer body;
  body.put(stamp.size);
  body.put(stamp.modified);
  body.put_text(path);
  body.put_text(reading.problem);
  const auto& [notes, controls, bends, duration, hanging, orphans] = reading.piece.performance;
  body.put(static_cast<std::uint64_t>(notes.size()));
  for (const auto& note : notes) {
    body.put(note.start.value), body.put(note.end.value);
    body.put(note.pitch), body.put(note.velocity), body.put(note.channel);
  }
  body.put(static_cast<std::uint64_t>(controls.size()));
  for (const auto& change : controls) body.put(change.time.value), body.put(change.value), body.put(change.channel);
  body.put(static_cast<std::uint64_t>(reading.piece.bars.size()));
  for (const auto& bar : reading.piece.bars) body.put(bar.seconds), body.put(static_cast<std::int32_t>(bar.number));
  const std::string bytes = body.take();
  Writer entry;
  entry.put(checksum(bytes));
  return entry.take() + bytes;
}

std::optional<Reading> Cache::decode(std::string_view entry) {
  Reader fields(entry);
  if (fields.get<std::uint64_t>() != checksum(fields.rest())) return std::nullopt;
  fields.get<std::uint64_t>(), fields.get<std::int64_t>(), fields.get_text();
  Reading reading;
  reading.problem = fields.get_text();
  std::vector<music::Note> notes(fields.get_count(kNoteBytes));
  bool sound = true;
  for (auto& note : notes) {
    note.start.value = fields.get<double>(), note.end.value = fields.get<double>();
    note.pitch = fields.get<std::uint8_t>(), note.velocity = fields.get<std::uint8_t>();
    note.channel = fields.get<std::uint8_t>();
    sound = sound && is_time(note.start.value) && is_time(note.end.value) && note.start <= note.end &&
            note.pitch < 128 && note.velocity < 128 && note.channel < 16;
  }
  std::vector<music::ControlChange> controls(fields.get_count(kControlBytes));
  for (auto& change : controls) {
    change.time.value = fields.get<double>();
    change.value = fields.get<std::uint8_t>(), change.channel = fields.get<std::uint8_t>();
    sound = sound && is_time(change.time.value) && change.value < 128 && change.channel < 16;
  }
  reading.piece.bars.resize(fields.get_count(kBarBytes));
  for (auto& bar : reading.piece.bars) bar.seconds = fields.get<double>(), bar.number = fields.get<std::int32_t>();
  if (!sound || !fields.whole() || (notes.empty() && reading.problem.empty())) return std::nullopt;
  reading.piece.performance = music::make_performance(std::move(notes), std::move(controls));
  return reading;
}

void Cache::write(const std::vector<std::string_view>& entries, bool keep_others) const try {
  std::map<std::string_view, std::string_view> all;  // by path, so that one state of a folder is one file
  if (keep_others) all.insert(entries_.begin(), entries_.end());
  for (std::string_view entry : entries) {
    Reader fields(entry);
    fields.get<std::uint64_t>(), fields.get<std::uint64_t>(), fields.get<std::int64_t>();
    all.insert_or_assign(fields.get_text(), entry);
  }
  std::vector<std::uint64_t> lengths;
  lengths.reserve(all.size());  // the parts point into it
  std::vector<std::string_view> parts{header_};
  for (const auto& [path, entry] : all) {
    lengths.push_back(entry.size());
    parts.emplace_back(reinterpret_cast<const char*>(&lengths.back()), sizeof lengths.back());
    parts.push_back(entry);
  }
  fs::create_directories(path_.parent_path());
  // Another process may be at it: each writes a file of its own name, and the last to be done stays.
  fs::path own = path_;
  own += '.';
  own += std::to_string(::getpid());
  rondo::replace_file(own, parts);
  std::error_code code;
  fs::rename(own, path_, code);
  if (code) fs::remove(own, code);
} catch (const std::exception&) {
}

}  // namespace piano
