// SPDX-License-Identifier: MIT
// A cache file is a header (magic, version, the folder of music) and a sequence of entries. An entry is its
// length, a checksum of all that follows, the file's stamp and path, and the parsed piece. Numbers are
// little-endian.
#include "piano/data/cache.hpp"
#include "piano/data/little_endian.hpp"

#include <rondo/io/replace_file.hpp>
#include <rondo/music/hash.hpp>
#include <rondo/music/tokens.hpp>
#include <rondo/version.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <system_error>
#include <tuple>
#include <utility>

namespace piano {
namespace {

namespace fs = std::filesystem;
namespace music = rondo::music;

constexpr char kMagic[16] = "rondo readings\n";
// To be incremented with every change of the format or of the parsed pieces: notes, pedal, bars, performances.
constexpr std::uint32_t kFormat = 3;

void pack_text(std::string& out, std::string_view text) {
  pack(out, std::uint64_t{text.size()});
  out += text;
}

/// Parser for an untrusted file. After the first missing value it has `failed` and returns nothing more.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::uint64_t size) {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return {};
    }
    const auto taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    if (const auto bytes = take(sizeof value); !failed_) unpack(bytes.data(), value);
    return value;
  }
  std::string_view text() { return take(number()); }

  /// A list of items of `size` bytes each: calls count_is(count), then item(at, i) for each.
  template <class Count, class Item>
  void list(std::size_t size, Count count_is, Item item) {
    const std::uint64_t count = number();
    if (count > rest_.size() / size) failed_ = true;
    if (failed_) return;
    count_is(static_cast<std::size_t>(count));
    const std::string_view bytes = take(count * size);
    for (std::size_t i = 0; i < count; ++i) item(bytes.data() + i * size, i);
  }

  std::string_view rest() const { return rest_; }
  bool failed() const { return failed_; }
  bool whole() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

/// The beginning of an entry.
struct Label {
  std::uint64_t checksum;  // of all that follows it
  FileStamp stamp;
  std::string_view path;

  explicit Label(Reader& entry) {
    checksum = entry.number();
    stamp.size = entry.number();
    stamp.modified = static_cast<std::int64_t>(entry.number());
    path = entry.text();
  }
};

constexpr std::size_t kNoteBytes = 3 * sizeof(double) + 3, kControlBytes = sizeof(double) + 2,
                      kBarBytes = sizeof(double) + sizeof(std::int32_t);

std::string header_of(const fs::path& home) {
  std::string header(kMagic, sizeof kMagic);
  pack(header, kFormat, std::uint32_t{RONDO_VERSION_MAJOR}, std::uint32_t{RONDO_VERSION_MINOR},
       std::uint32_t{RONDO_VERSION_PATCH});
  pack_text(header, home.string());
  return header;
}

std::string hexadecimal(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

/// The bytes of a file and their number; none if it cannot be read.
std::pair<std::unique_ptr<char[]>, std::size_t> read_whole(const fs::path& path) {
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return {};
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return {};
  const auto size = static_cast<std::size_t>(in.tellg());
  auto bytes = std::make_unique_for_overwrite<char[]>(size);
  in.seekg(0);
  in.read(bytes.get(), static_cast<std::streamsize>(size));
  if (!in) return {};
  return {std::move(bytes), size};
}

/// Whether a time can be that of a parsed piece.
bool is_time(rondo::midi::Seconds time) { return time.value >= 0 && time.value <= music::kLongestPerformance; }

}  // namespace

fs::path cache_folder() {
  // The XDG Base Directory Specification says to ignore a relative XDG_CACHE_HOME.
  const char* const cache_home = std::getenv("XDG_CACHE_HOME");
  if (cache_home != nullptr && fs::path(cache_home).is_absolute()) return fs::path(cache_home) / "rondo";
  const char* const home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? fs::path(home) / ".cache" / "rondo" : fs::path();
}

std::optional<FileStamp> stamp_of(const fs::path& path) {
  std::error_code code;
  const auto modified = fs::last_write_time(path, code);
  if (code || fs::file_time_type::clock::now() - modified < std::chrono::milliseconds(100)) return std::nullopt;
  const auto size = fs::file_size(path, code);
  if (code) return std::nullopt;
  return FileStamp{size, static_cast<std::int64_t>(modified.time_since_epoch().count())};
}

Cache::Cache(const fs::path& folder, const fs::path& home)
    : path_(folder / ("readings-" + hexadecimal(music::stable_hash(home.string())))), header_(header_of(home)) {
  std::size_t size = 0;
  try {
    std::tie(bytes_, size) = read_whole(path_);
  } catch (const std::exception&) {  // out of memory: no cache
  }
  const std::string_view bytes(bytes_.get(), size);
  if (!bytes.starts_with(header_)) return;
  Reader all(bytes.substr(header_.size()));
  while (!all.rest().empty()) {
    const std::string_view entry = all.text();
    Reader fields(entry);
    const Label label(fields);
    if (all.failed() || fields.failed()) return;  // the entries before it are kept
    entries_.insert_or_assign(std::string(label.path), entry);
  }
}

std::optional<std::string_view> Cache::find(const std::string& path, const FileStamp& stamp) const {
  const auto found = entries_.find(path);
  if (found == entries_.end()) return std::nullopt;
  Reader fields(found->second);
  return Label(fields).stamp == stamp ? std::optional(found->second) : std::nullopt;
}

std::string Cache::encode(const std::string& path, const FileStamp& stamp, const ParsedPiece& parsed) {
  const music::Performance& played = parsed.piece.performance;
  std::string entry;
  entry.reserve(256 + path.size() + parsed.problem.size() + played.notes.size() * kNoteBytes +
                played.controls.size() * kControlBytes + parsed.piece.bars.size() * kBarBytes);
  pack(entry, std::uint64_t{0}, stamp.size, stamp.modified);
  pack_text(entry, path);
  pack_text(entry, parsed.problem);
  pack(entry, parsed.music, std::uint64_t{played.notes.size()});
  for (std::size_t i = 0; i < played.notes.size(); ++i) {
    const music::Note& note = played.notes[i];
    pack(entry, note.start.value, note.end.value, parsed.sounding_end[i].value, note.pitch, note.velocity,
         note.channel);
  }
  pack(entry, std::uint64_t{played.controls.size()});
  for (const auto& change : played.controls) pack(entry, change.time.value, change.value, change.channel);
  pack(entry, std::uint64_t{parsed.piece.bars.size()});
  for (const auto& bar : parsed.piece.bars) pack(entry, bar.seconds, std::int32_t{bar.number});
  const std::uint64_t sum = checksum_of(std::string_view(entry).substr(sizeof sum));
  std::string sum_bytes;
  pack(sum_bytes, sum);
  entry.replace(0, sum_bytes.size(), sum_bytes);
  return entry;
}

std::optional<ParsedPiece> Cache::decode(std::string_view entry) {
  Reader fields(entry);
  const Label label(fields);
  if (fields.failed() || label.checksum != checksum_of(entry.substr(sizeof label.checksum))) return std::nullopt;
  ParsedPiece parsed;
  parsed.problem = fields.text();
  parsed.music = fields.number();
  std::vector<music::Note> notes;
  std::vector<music::ControlChange> controls;
  auto& sounding_end = parsed.sounding_end;
  auto& bars = parsed.piece.bars;
  bool valid = true;  // the ranges of all values, in addition to the checksum
  fields.list(
      kNoteBytes, [&](std::size_t count) { notes.resize(count), sounding_end.resize(count); },
      [&](const char* at, std::size_t i) {
        music::Note& note = notes[i];
        unpack(at, note.start.value, note.end.value, sounding_end[i].value, note.pitch, note.velocity, note.channel);
        valid = valid && is_time(note.start) && is_time(note.end) && note.start <= note.end && note.pitch < 128 &&
                note.velocity < 128 && note.channel < 16 &&
                (sounding_end[i] == ParsedPiece::kNeverSounds ||
                 (is_time(sounding_end[i]) && sounding_end[i] >= note.start));
      });
  fields.list(
      kControlBytes, [&](std::size_t count) { controls.resize(count); },
      [&](const char* at, std::size_t i) {
        unpack(at, controls[i].time.value, controls[i].value, controls[i].channel);
        valid = valid && is_time(controls[i].time) && controls[i].value < 128 && controls[i].channel < 16;
      });
  fields.list(
      kBarBytes, [&](std::size_t count) { bars.resize(count); },
      [&](const char* at, std::size_t i) {
        std::int32_t number = 0;
        unpack(at, bars[i].seconds, number);
        bars[i].number = number;
        valid = valid && is_time({bars[i].seconds});
      });
  if (!valid || !fields.whole() || (notes.empty() && parsed.problem.empty())) return std::nullopt;
  parsed.piece.performance = music::make_performance(std::move(notes), std::move(controls));
  return parsed;
}

void Cache::write(const std::vector<std::string_view>& entries, bool keep_others) const try {
  std::map<std::string_view, std::string_view> all;  // by path, so that the file does not depend on the order
  if (keep_others) all.insert(entries_.begin(), entries_.end());
  for (std::string_view entry : entries) {
    Reader fields(entry);
    all.insert_or_assign(Label(fields).path, entry);
  }
  std::vector<std::string> lengths;
  lengths.reserve(all.size());  // `parts` refers to its elements
  std::vector<std::string_view> parts{header_};
  for (const auto& [path, entry] : all) {
    pack(lengths.emplace_back(), std::uint64_t{entry.size()});
    parts.push_back(lengths.back());
    parts.push_back(entry);
  }
  std::error_code code;
  fs::create_directories(path_.parent_path(), code);
  // Another process may write it, too: each writes a file of its own name and renames it; the last one wins.
  fs::path own = path_;
  own += '.';
  own += std::to_string(::getpid());
  rondo::replace_file(own, parts);
  fs::rename(own, path_, code);
  if (code) fs::remove(own, code);
} catch (const std::exception&) {
}

}  // namespace piano
