// SPDX-License-Identifier: MIT
// Where training batches come from: pieces in memory, or shards.
#pragma once

#include <rondo/music/batches.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace piano {

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// The next batch, valid until the next call.
  virtual const rondo::music::Batch& next() = 0;
  virtual std::int64_t step() const = 0;  ///< batches so far

  /// The position of each of this source's streams, for a checkpoint; null if the number of batches is enough.
  virtual nlohmann::json positions() const { return nullptr; }
  /// Continues after `step` batches at positions() of these streams, or of the whole batch. Throws std::runtime_error.
  virtual void seek(std::int64_t step, const nlohmann::json& positions) = 0;
};

/// Pieces in memory.
class BatchesInMemory final : public BatchSource {
 public:
  BatchesInMemory(std::span<const rondo::music::Piece> pieces, const rondo::music::BatchOptions& options)
      : batches_(pieces, options) {}
  const rondo::music::Batch& next() override { return batches_.next(); }
  std::int64_t step() const override { return batches_.step(); }
  void seek(std::int64_t step, const nlohmann::json&) override { batches_.seek(step); }

 private:
  rondo::music::Batches batches_;
};

}  // namespace piano
