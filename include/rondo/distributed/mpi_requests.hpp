// SPDX-License-Identifier: MIT
// Messages between ranks that are under way: MPI's non-blocking sends and receives, with the ranks at their other ends.
#pragma once

#include <rondo/distributed/communicator.hpp>

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI::detail {

/// Throws communication_error unless an MPI function succeeded: "MPI_Isend: message of MPI".
inline void require_mpi(int status, const char* function) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int size = 0;
  MPI_Error_string(status, text, &size);
  throw communication_error(std::string(function) + ": " + std::string(text, static_cast<std::size_t>(size)));
}

/// Messages under way. Their memory must stay until test() has returned true.
class MpiRequests {
 public:
  explicit MpiRequests(MPI_Comm comm) : comm_(comm) {}

  /// Starts to send bytes to a rank.
  void send(std::span<const std::byte> bytes, int to, int tag) {
    for_each_message(bytes, [&](const std::byte* data, int size) {
      require_mpi(MPI_Isend(data, size, MPI_BYTE, to, tag, comm_, &add(to)), "MPI_Isend");
    });
    bytes_sent_ += bytes.size();
  }

  /// Starts to receive as many bytes from a rank.
  void receive(std::span<std::byte> bytes, int from, int tag) {
    for_each_message(bytes, [&](std::byte* data, int size) {
      require_mpi(MPI_Irecv(data, size, MPI_BYTE, from, tag, comm_, &add(from)), "MPI_Irecv");
    });
  }

  /// Whether all messages have arrived; then there are none left.
  bool test() {
    int count = 0;
    finished_.resize(requests_.size());
    require_mpi(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, finished_.data(),
                             MPI_STATUSES_IGNORE),
                "MPI_Testsome");
    progressed_ = count != 0;  // MPI_UNDEFINED, not 0, if no message is left
    if (!std::ranges::all_of(requests_, [](MPI_Request request) { return request == MPI_REQUEST_NULL; })) return false;
    requests_.clear();
    peers_.clear();
    return true;
  }
  /// Whether the last test() found that a message had arrived.
  bool progressed() const { return progressed_; }

  /// The ranks at the other ends, as text: "rank 2", "ranks 1, 2".
  std::string waits_for() const {
    std::vector<int> ranks;
    for (std::size_t n = 0; n < requests_.size(); ++n)
      if (requests_[n] != MPI_REQUEST_NULL) ranks.push_back(peers_[n]);
    std::sort(ranks.begin(), ranks.end());
    ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
    std::string text = ranks.size() > 1 ? "ranks " : "rank ";
    for (std::size_t n = 0; n < ranks.size(); ++n) text += (n > 0 ? ", " : "") + std::to_string(ranks[n]);
    return text;
  }

  /// Bytes sent since the last call.
  std::size_t take_bytes_sent() { return std::exchange(bytes_sent_, 0); }

 private:
  /// MPI counts bytes by int.
  template <class Byte, class F>
  static void for_each_message(std::span<Byte> bytes, F&& f) {
    constexpr std::size_t kMost = std::size_t{1} << 30;
    for (std::size_t at = 0; at < bytes.size(); at += kMost)
      f(bytes.data() + at, static_cast<int>(std::min(kMost, bytes.size() - at)));
  }

  MPI_Request& add(int peer) {
    peers_.push_back(peer);
    return requests_.emplace_back(MPI_REQUEST_NULL);
  }

  MPI_Comm comm_;
  std::vector<MPI_Request> requests_;
  std::vector<int> peers_;  // of each request
  std::vector<int> finished_;
  bool progressed_ = false;
  std::size_t bytes_sent_ = 0;
};

}  // namespace rondo::inline RONDO_ABI::detail
