// SPDX-License-Identifier: MIT
// The state of a training run that is shared among ranks, for checkpoints: each rank has some of the sequences of a
// batch.
#pragma once

#include <rondo/core/transfer.hpp>
#include <rondo/distributed/communicator.hpp>
#include <rondo/io/safetensors.hpp>
#include <rondo/layers/recurrent_state.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

namespace piano {

namespace detail {

/// The columns of all ranks, B of them. Collective.
template <class Device>
rondo::Sequence<float> all_columns(rondo::Communicator& ranks, const rondo::Sequence<float, Device>& own,
                                   rondo::Index B) {
  rondo::Sequence<float> all(own.features(), B, own.time()), part = rondo::to<rondo::Cpu>(own);
  for (int r = 0; r < ranks.size(); ++r) {
    const auto [first, count] = rondo::part_of_rank(static_cast<std::size_t>(B), static_cast<std::size_t>(r),
                                                    static_cast<std::size_t>(ranks.size()));
    rondo::Sequence<float> of_rank(own.features(), static_cast<rondo::Index>(count), own.time());
    if (r == ranks.rank()) of_rank = part;
    ranks.broadcast(std::as_writable_bytes(std::span(of_rank.flat().data, static_cast<std::size_t>(of_rank.size()))),
                    r);
    for (rondo::Index t = 0; t < own.time(); ++t)
      rondo::upload(rondo::Cpu{}, rondo::ConstView<float>(of_rank.at(t)),
                    all.at(t).columns(static_cast<rondo::Index>(first), static_cast<rondo::Index>(count)));
  }
  return all;
}

template <class Device>
void take_columns(const rondo::Sequence<float, Device>& all, const rondo::RankPart& streams,
                  rondo::Sequence<float, Device>& own) {
  const auto on_host = rondo::to<rondo::Cpu>(all);
  rondo::Sequence<float> part(all.features(), static_cast<rondo::Index>(streams.count), all.time());
  for (rondo::Index t = 0; t < all.time(); ++t)
    rondo::upload(rondo::Cpu{},
                  rondo::ConstView<float>(on_host.at(t).columns(static_cast<rondo::Index>(streams.first),
                                                                static_cast<rondo::Index>(streams.count))),
                  part.at(t));
  own = rondo::to<Device>(part);
}

}  // namespace detail

/// The state of all B sequences, in the memory of the host. Collective.
template <class Device>
rondo::RecurrentState<float> all_streams(rondo::Communicator& ranks, const rondo::RecurrentState<float, Device>& own,
                                         rondo::Index B) {
  rondo::RecurrentState<float> all;
  all.h = detail::all_columns(ranks, own.h, B);
  all.c = detail::all_columns(ranks, own.c, B);
  return all;
}

/// The part of one rank of the state of all sequences.
template <class Device>
void take_streams(const rondo::RecurrentState<float, Device>& all, const rondo::RankPart& streams,
                  rondo::RecurrentState<float, Device>& own) {
  detail::take_columns(all.h, streams, own.h);
  detail::take_columns(all.c, streams, own.c);
}

/// The positions of the streams of all ranks (BatchSource::positions). Collective.
inline nlohmann::json all_positions(rondo::Communicator& ranks, const nlohmann::json& own) {
  auto all = nlohmann::json::array();
  for (int r = 0; r < ranks.size(); ++r) {
    std::string text = own.dump();
    broadcast_text(ranks, text, r);
    for (const auto& position : nlohmann::json::parse(text)) all.push_back(position);
  }
  return own.is_null() ? nlohmann::json() : all;
}

/// A file that only rank 0 needs to have. Collective. Throws rondo::file_error.
inline rondo::Safetensors read_on_rank_0(rondo::Communicator& ranks, const std::filesystem::path& path) {
  if (ranks.size() == 1) return rondo::Safetensors::read(path);
  std::string text;
  if (ranks.rank() == 0) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw rondo::file_error(path.string() + ": cannot be opened");
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  broadcast_text(ranks, text);
  try {
    return rondo::Safetensors::parse(text);
  } catch (const rondo::file_error& e) {
    throw rondo::file_error(path.string() + ": " + e.what());
  }
}

}  // namespace piano
