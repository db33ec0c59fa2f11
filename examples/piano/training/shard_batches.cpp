// SPDX-License-Identifier: MIT
#include "piano/training/shard_batches.hpp"

#include <rondo/music/augment.hpp>
#include <rondo/music/hash.hpp>

#include <stdexcept>
#include <utility>

namespace piano {

namespace music = rondo::music;

ShardBatches::ShardBatches(const ShardSet& shards, music::PedalMode pedal, const music::BatchOptions& options,
                           std::span<const std::string> without)
    : shards_(shards), pedal_(pedal), options_(options), without_(without.begin(), without.end()) {
  if (options_.streams == 0) options_.streams = options_.batch;
  if (shards_.size() < without_.size() + static_cast<std::size_t>(options_.batch))
    throw std::invalid_argument("the shards have " + std::to_string(shards_.size()) + " pieces, too few for " +
                                std::to_string(options_.batch) +
                                " sequences of a batch; give the music files themselves");
  streams_.resize(static_cast<std::size_t>(options_.streams));
}

/// Reads the piece whose turn it is. False if the epoch has no more for this stream, or it is left out.
bool ShardBatches::read(Stream& stream, std::uint64_t number) {
  const std::uint64_t place = number + stream.turn * static_cast<std::uint64_t>(options_.batch);
  const std::uint64_t epoch_seed = music::mix(options_.seed) ^ stream.epoch;
  if (place >= shards_.size()) {
    ++stream.epoch;
    stream.turn = 0;
    return false;
  }
  const auto n = static_cast<std::size_t>(music::Permutation(shards_.size(), epoch_seed)(place));
  const bool left_out = !without_.empty() && without_.contains(std::string(shards_.name(n)));
  if (left_out) return ++stream.turn, false;
  music::Piece piece = shards_.read(n, pedal_);
  music::CounterRng random(epoch_seed, place);
  const auto& grid = options_.augmentation;
  const double factor = grid.stretches[random.below(grid.stretches.size())];
  const auto shifts = music::allowed_shifts(piece.performance.notes, grid);
  auto tokens = music::tokens_of({piece.name, music::stretch(std::move(piece.performance), factor)});
  if (tokens.size() < 2 || shifts.empty()) return ++stream.turn, false;
  stream.shift = shifts.draw(random);
  stream.conditioned = options_.draw_conditioned(random);
  stream.piece.emplace(std::move(tokens), options_.input_spec);
  stream.cursor.start(*stream.piece, 0);
  return true;
}

void ShardBatches::read_next(Stream& stream, std::uint64_t number) {
  while (!read(stream, number)) {
  }
}

const music::Batch& ShardBatches::next() {
  batch_.clear(options_.streams, options_.steps, options_.input_spec);
  for (std::size_t b = 0; b < streams_.size(); ++b) {
    Stream& stream = streams_[b];
    const auto number = static_cast<std::uint64_t>(options_.first_stream) + b;
    if (!stream.piece || stream.cursor.ended()) {
      if (stream.piece) ++stream.turn;
      read_next(stream, number);
      batch_.reset[b] = 1;
    }
    batch_.put(options_.steps, b, stream.cursor, options_.input_spec, stream.shift, stream.conditioned);
  }
  ++step_;
  return batch_;
}

nlohmann::json ShardBatches::positions() const {
  auto all = nlohmann::json::array();
  for (const Stream& stream : streams_) all.push_back({stream.epoch, stream.turn, stream.piece ? stream.cursor.at : 0});
  return all;
}

void ShardBatches::seek(std::int64_t step, const nlohmann::json& positions) {
  const auto first = static_cast<std::size_t>(options_.first_stream);
  if (!positions.is_array() || positions.size() != static_cast<std::size_t>(options_.batch))
    throw std::runtime_error("the positions in the shards are missing");
  for (std::size_t b = 0; b < streams_.size(); ++b) {
    Stream& stream = streams_[b];
    std::size_t at = 0;
    stream = {};
    try {
      const auto& own = positions.at(first + b);
      own.at(0).get_to(stream.epoch);
      own.at(1).get_to(stream.turn);
      own.at(2).get_to(at);
    } catch (const nlohmann::json::exception&) {
      throw std::runtime_error("the positions in the shards are damaged");
    }
    if (step == 0) continue;
    read_next(stream, first + b);
    if (at >= stream.piece->tokens.size()) throw std::runtime_error("the shards are not those of the run");
    stream.cursor.start(*stream.piece, at);
  }
  step_ = step;
}

}  // namespace piano
