// SPDX-License-Identifier: MIT
// Training batches from shards: every piece once per epoch, read when its turn comes.
#pragma once

#include "piano/data/shards.hpp"
#include "piano/training/batch_source.hpp"

#include <rondo/music/batches.hpp>
#include <rondo/music/permutation.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace piano {

/// Stream b of B reads the pieces at places b, b + B, b + 2 B, ... of a permutation that seed and epoch determine, each
/// from start to end; a place draws its variant of the augmentation grid. So the data do not depend on how many
/// processes share the streams, and every piece is read once per epoch. Held: one piece per stream.
class ShardBatches final : public BatchSource {
 public:
  /// Leaves out the pieces of these names. Throws std::invalid_argument if there are fewer pieces than streams in a
  /// batch.
  ShardBatches(const ShardSet& shards, rondo::music::PedalMode pedal, const rondo::music::BatchOptions& options,
               std::span<const std::string> without);

  const rondo::music::Batch& next() override;
  std::int64_t step() const override { return step_; }
  nlohmann::json positions() const override;
  void seek(std::int64_t step, const nlohmann::json& positions) override;

 private:
  struct Stream {
    std::uint64_t epoch = 0, turn = 0;  // its piece is at place b + turn * B of the epoch
    std::optional<rondo::music::EncodedPiece> piece;
    rondo::music::PieceCursor cursor;
    rondo::music::TokenShift shift = {};
    bool conditioned = true;
  };

  bool read(Stream& stream, std::uint64_t number);
  void read_next(Stream& stream, std::uint64_t number);

  const ShardSet& shards_;
  rondo::music::PedalMode pedal_;
  rondo::music::BatchOptions options_;
  std::unordered_set<std::string> without_;
  std::vector<Stream> streams_;
  std::int64_t step_ = 0;
  rondo::music::Batch batch_;
};

}  // namespace piano
