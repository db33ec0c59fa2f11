// SPDX-License-Identifier: MIT
#include "piano/data/shards.hpp"
#include "piano/data/cache.hpp"
#include "piano/data/little_endian.hpp"

#include <rondo/core/error.hpp>
#include <rondo/io/replace_file.hpp>
#include <rondo/music/hash.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <queue>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace piano {
namespace {

namespace fs = std::filesystem;
namespace music = rondo::music;

constexpr char kMagic[16] = "rondo pieces\n";
constexpr std::uint32_t kFormat = 1;
// magic, format, pieces, position of the index, size of the file; checksum of these and of the index
constexpr std::size_t kSummedBytes = 16 + 4 + 4 + 8 + 8, kHeaderBytes = kSummedBytes + 8;
// position, size, notes, music, end of the name
constexpr std::size_t kIndexBytes = 8 + 4 + 4 + 8 + 4;

std::uint64_t checksum_of_header(std::string_view header, std::string_view index) {
  return music::mix(checksum_of(header.substr(0, kSummedBytes)) ^ std::rotl(checksum_of(index), 1));
}

/// A name from a file, fit for a message of one line.
std::string printable(std::string_view name) {
  std::string text(name);
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text;
}

bool is_shard(const fs::path& path) { return path.extension() == ".shard"; }

std::vector<fs::path> shards_of(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (is_shard(entry.path())) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

}  // namespace

bool is_shard_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code) && !shards_of(path).empty();
}

// ---- writing

ShardWriter::ShardWriter(fs::path folder, std::size_t shard_bytes)
    : folder_(std::move(folder)), shard_bytes_(shard_bytes) {
  std::error_code code;
  fs::create_directories(folder_, code);
  if (code) throw std::runtime_error("cannot create the folder " + folder_.string() + ": " + code.message());
  for (const fs::path& path : shards_of(folder_)) number_ = std::max(number_, std::atoi(path.stem().c_str()) + 1);
}

void ShardWriter::add(const std::string& name, const ParsedPiece& parsed) {
  const std::string entry = Cache::encode(name, {}, parsed);
  names_ += name;
  pack(index_, std::uint64_t{kHeaderBytes + entries_.size()}, static_cast<std::uint32_t>(entry.size()),
       static_cast<std::uint32_t>(parsed.piece.performance.notes.size()), parsed.music,
       static_cast<std::uint32_t>(names_.size()));
  entries_ += entry;
  ++count_;
  if (entries_.size() >= shard_bytes_) finish();
}

void ShardWriter::finish() {
  if (count_ == 0) return;
  const std::string index = index_ + names_;
  const std::uint64_t position = kHeaderBytes + entries_.size();
  std::string header(kMagic, sizeof kMagic);
  pack(header, kFormat, count_, position, position + std::uint64_t{index.size()});
  pack(header, checksum_of_header(header, index));
  char name[32];
  std::snprintf(name, sizeof name, "%06d.shard", number_++);
  rondo::replace_file(folder_ / name, std::vector<std::string_view>{header, entries_, index});
  entries_.clear(), index_.clear(), names_.clear();
  count_ = 0;
}

// ---- reading

MappedFile::MappedFile(const fs::path& path) {
  const auto fail = [&](const char* what) {
    throw std::runtime_error(path.string() + ": " + what + ": " + std::strerror(errno));
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail("cannot be opened");
  struct stat status {};
  void* memory = MAP_FAILED;
  if (::fstat(file, &status) == 0 && status.st_size > 0)
    memory = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, file, 0);
  const bool empty = status.st_size == 0;
  ::close(file);
  if (empty) return;
  if (memory == MAP_FAILED) fail("cannot be mapped into memory");
  bytes_ = {static_cast<const char*>(memory), static_cast<std::size_t>(status.st_size)};
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

struct Shard::Entry {
  std::uint64_t position;
  std::uint32_t size, notes;
  std::uint64_t music;
  std::uint32_t name_end;
};

Shard::Shard(const fs::path& path) : file_(path.string()), map_(std::make_unique<MappedFile>(path)) {
  bytes_ = map_->bytes();
  open();
}

Shard::Shard(std::string_view bytes, std::string name) : file_(std::move(name)), bytes_(bytes) { open(); }

void Shard::fail(std::size_t byte, const std::string& problem) const {
  throw std::runtime_error(file_ + ", byte " + std::to_string(byte) + ": " + problem);
}

void Shard::open() {
  if (bytes_.size() < kHeaderBytes || std::memcmp(bytes_.data(), kMagic, sizeof kMagic) != 0)
    fail(0, "this is not a shard, which begins with \"rondo pieces\"");
  std::uint32_t format = 0, count = 0;
  std::uint64_t position = 0, size = 0, checksum = 0;
  unpack(bytes_.data() + sizeof kMagic, format, count, position, size, checksum);
  if (format != kFormat) fail(16, "the format is " + std::to_string(format) + ", this program reads 1");
  if (size != bytes_.size())
    fail(32, "the file should have " + std::to_string(size) + " bytes, it has " + std::to_string(bytes_.size()));
  if (position < kHeaderBytes || position > size || count > (size - position) / kIndexBytes)
    fail(20, "an index of " + std::to_string(count) + " pieces at byte " + std::to_string(position) +
                 " is not within the file");
  const std::string_view all = bytes_.substr(static_cast<std::size_t>(position));
  if (checksum_of_header(bytes_, all) != checksum)
    fail(static_cast<std::size_t>(position), "the index or the header is damaged");
  count_ = count;
  index_ = all.substr(0, count * kIndexBytes);
  names_ = all.substr(count * kIndexBytes);
  std::uint32_t name_begin = 0;
  for (std::size_t n = 0; n < count_; ++n) {
    const Entry e = entry(n);
    if (e.position < kHeaderBytes || e.position > position || e.size > position - e.position ||
        e.name_end < name_begin || e.name_end > names_.size())
      fail(static_cast<std::size_t>(position) + n * kIndexBytes,
           "entry " + std::to_string(n) + " of the index is wrong");
    name_begin = e.name_end;
  }
}

Shard::Entry Shard::entry(std::size_t n) const {
  Entry e{};
  unpack(index_.data() + n * kIndexBytes, e.position, e.size, e.notes, e.music, e.name_end);
  return e;
}

std::string_view Shard::name(std::size_t n) const {
  const std::size_t begin = n == 0 ? 0 : entry(n - 1).name_end;
  return names_.substr(begin, entry(n).name_end - begin);
}
std::uint64_t Shard::music(std::size_t n) const { return entry(n).music; }
std::uint32_t Shard::notes(std::size_t n) const { return entry(n).notes; }

ParsedPiece Shard::read(std::size_t n) const {
  const Entry e = entry(n);
  auto parsed = Cache::decode(bytes_.substr(static_cast<std::size_t>(e.position), e.size));
  if (!parsed || !parsed->problem.empty())
    fail(static_cast<std::size_t>(e.position),
         "piece " + std::to_string(n) + ", " + printable(name(n)) + ", is damaged");
  parsed->piece.name = name(n);
  return std::move(*parsed);
}

ShardSet::ShardSet(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders)
    for (const fs::path& path : shards_of(folder)) {
      const Shard& shard = shards_.emplace_back(path);
      for (std::size_t n = 0; n < shard.size(); ++n) notes_ += shard.notes(n);
      ends_.push_back(size() + shard.size());
    }
}

std::pair<const Shard*, std::size_t> ShardSet::at(std::size_t n) const {
  const auto shard = static_cast<std::size_t>(std::ranges::upper_bound(ends_, n) - ends_.begin());
  return {&shards_[shard], n - (shard == 0 ? 0 : ends_[shard - 1])};
}

std::string_view ShardSet::name(std::size_t n) const {
  const auto [shard, own] = at(n);
  return shard->name(own);
}
std::uint64_t ShardSet::music(std::size_t n) const {
  const auto [shard, own] = at(n);
  return shard->music(own);
}
music::Piece ShardSet::read(std::size_t n, music::PedalMode pedal) const {
  const auto [shard, own] = at(n);
  return apply_pedal_mode(shard->read(own), pedal);
}

std::uint32_t ShardSet::notes(std::size_t n) const {
  const auto [shard, own] = at(n);
  return shard->notes(own);
}

std::vector<std::size_t> ShardSet::sample(std::size_t count, std::uint64_t notes) const {
  std::priority_queue<std::pair<std::uint64_t, std::size_t>> smallest;
  for (std::size_t n = 0; n < size(); ++n) {
    smallest.emplace(music::stable_hash(name(n), music(n)), n);
    if (smallest.size() > count) smallest.pop();
  }
  std::vector<std::size_t> pieces;
  for (; !smallest.empty(); smallest.pop()) pieces.push_back(smallest.top().second);
  std::ranges::reverse(pieces);
  std::uint64_t sum = 0;
  std::size_t kept = 0;
  while (kept < pieces.size() && (kept < 2 || sum < notes)) sum += this->notes(pieces[kept++]);
  pieces.resize(kept);
  return pieces;
}

}  // namespace piano
