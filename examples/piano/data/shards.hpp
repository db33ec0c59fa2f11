// SPDX-License-Identifier: MIT
// Shards: parsed pieces in a few large files, for sets that do not fit into memory. `piano tokenize` writes them; they
// are mapped into memory, and a piece is decoded when it is needed. docs/06-midi-and-tokens.md has the format.
#pragma once

#include "piano/data/parsed_piece.hpp"

#include <rondo/music/dataset.hpp>
#include <rondo/music/pedal.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace piano {

/// Whether a folder holds shards.
bool is_shard_folder(const std::filesystem::path& path);

/// Writes one shard at a time to a folder.
class ShardWriter {
 public:
  /// Continues after the shards that are there. Throws std::runtime_error if the folder cannot be created.
  explicit ShardWriter(std::filesystem::path folder, std::size_t shard_bytes = std::size_t{64} << 20);

  /// Adds a piece of that name; a shard that is full is written. Throws rondo::file_error.
  void add(const std::string& name, const ParsedPiece& parsed);
  /// Writes what is left.
  void finish();

 private:
  std::filesystem::path folder_;
  std::size_t shard_bytes_;
  int number_ = 0;
  std::string entries_, index_, names_;
  std::uint32_t count_ = 0;
};

/// The bytes of a file, mapped into memory.
class MappedFile {
 public:
  /// Throws std::runtime_error that names the file.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();
  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

/// One shard. Its header and index are checked when it is opened, a piece when it is decoded.
class Shard {
 public:
  /// Throws std::runtime_error: "FILE, byte N: problem".
  explicit Shard(const std::filesystem::path& path);
  /// The same for bytes in memory, which must outlive it; `name` is for messages.
  Shard(std::string_view bytes, std::string name);

  std::size_t size() const { return count_; }  ///< pieces
  std::string_view name(std::size_t n) const;
  std::uint64_t music(std::size_t n) const;  ///< hash of notes and pedal
  std::uint32_t notes(std::size_t n) const;
  /// Throws std::runtime_error if the piece is damaged.
  ParsedPiece read(std::size_t n) const;

 private:
  struct Entry;
  Entry entry(std::size_t n) const;
  void open();
  [[noreturn]] void fail(std::size_t byte, const std::string& problem) const;

  std::string file_;
  std::unique_ptr<MappedFile> map_;
  std::string_view bytes_, index_, names_;
  std::size_t count_ = 0;
};

/// All shards of some folders, as one sequence of pieces.
class ShardSet {
 public:
  /// Throws std::runtime_error.
  explicit ShardSet(const std::vector<std::string>& folders);

  std::size_t size() const { return ends_.empty() ? 0 : ends_.back(); }  ///< pieces
  std::uint64_t notes() const { return notes_; }                         ///< of all pieces
  std::string_view name(std::size_t n) const;
  std::uint64_t music(std::size_t n) const;
  std::uint32_t notes(std::size_t n) const;
  /// The piece in that pedal mode. Throws std::runtime_error if it is damaged.
  rondo::music::Piece read(std::size_t n, rondo::music::PedalMode pedal) const;

  /// At most `count` pieces with about `notes` notes, but at least two pieces, the same ones whatever the order of
  /// shards: those whose names and music have the smallest hashes. In order of their hashes.
  std::vector<std::size_t> sample(std::size_t count, std::uint64_t notes) const;

 private:
  std::pair<const Shard*, std::size_t> at(std::size_t n) const;

  std::vector<Shard> shards_;
  std::vector<std::size_t> ends_;  // running sum of pieces
  std::uint64_t notes_ = 0;
};

}  // namespace piano
