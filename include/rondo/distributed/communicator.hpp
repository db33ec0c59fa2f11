// SPDX-License-Identifier: MIT
// Communicator: what training in several processes needs from the network between them. MpiCommunicator (mpi.hpp) runs
// on MPI; SingleProcess is the communicator of a program that runs alone, so that one text trains either way. Legend: N
// ranks (processes), numbered from 0.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/precision.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// A rank died, does not answer, stopped with an error or has other data. The message names it.
class communication_error : public error {
 public:
  using error::error;
};

/// A sum over all ranks, of the same memory again and again: its buffers are allocated once.
class AllReduce {
 public:
  virtual ~AllReduce() = default;
  /// Starts the sum, in the background if the communicator can. Until wait() has returned, nobody else may use the
  /// values.
  virtual void start() = 0;
  /// Waits until the values are the sum over all ranks, the same bits on every rank. Throws communication_error.
  virtual void wait() = 0;
  /// Forgets what rounding took away from former sums, if it rounds: what a checkpoint does not store. Not while a sum
  /// is under way.
  virtual void clear_rounding() {}
};

/// The ranks of a program. Collective functions must be called by every rank, in the same order; so must the
/// constructors of the sums, and the sums must be started in the same order. One thread at a time may call them.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;  ///< number of this process, 0 .. size() - 1
  virtual int size() const = 0;  ///< N

  /// Prepares sums of `values`, which must outlive the result. The ranks are added in the order of their numbers, in
  /// the format of the values: equal N give equal bits. With Precision::bf16 the values are rounded to bfloat16 for the
  /// network, half the bytes; what rounding took away is added to the next sum (error feedback). Throws error for
  /// another precision.
  virtual std::unique_ptr<AllReduce> make_all_reduce(std::span<float> values, Precision precision) = 0;
  /// The same without rounding.
  virtual std::unique_ptr<AllReduce> make_all_reduce(std::span<double> values) = 0;
  /// The same for values in the memory of a GPU, enqueued on its streams: the host does not wait. Null if this
  /// communicator has none; then values are copied to the host for a sum.
  virtual std::unique_ptr<AllReduce> make_device_all_reduce(std::span<float>, Precision) { return nullptr; }

  /// Copies the bytes of rank `from` to all other ranks. Collective. Throws communication_error.
  virtual void broadcast(std::span<std::byte> bytes, int from = 0) = 0;

  /// The bytes of every rank, as many on each, in the order of ranks. Collective. Throws communication_error.
  virtual std::vector<std::byte> gather(std::span<const std::byte> bytes) = 0;

  /// Tells all other ranks that this one stops, and why: what they wait for then throws communication_error with this
  /// reason. For a rank that leaves by an exception.
  virtual void fail(const std::string& reason) noexcept = 0;

  /// Bytes that this rank has sent so far.
  virtual std::size_t bytes_sent() const = 0;
};

/// The communicator of a program that runs alone: one rank, for which every operation is done already.
class SingleProcess final : public Communicator {
 public:
  int rank() const override { return 0; }  ///< 0
  int size() const override { return 1; }  ///< 1
  /// A sum of one rank.
  std::unique_ptr<AllReduce> make_all_reduce(std::span<float>, Precision) override { return std::make_unique<Alone>(); }
  /// A sum of one rank.
  std::unique_ptr<AllReduce> make_all_reduce(std::span<double>) override { return std::make_unique<Alone>(); }
  void broadcast(std::span<std::byte>, int) override {}  ///< nothing to do
  /// The bytes themselves.
  std::vector<std::byte> gather(std::span<const std::byte> bytes) override { return {bytes.begin(), bytes.end()}; }
  void fail(const std::string&) noexcept override {}     ///< nobody to tell
  std::size_t bytes_sent() const override { return 0; }  ///< 0

 private:
  struct Alone final : AllReduce {
    void start() override {}
    void wait() override {}
  };
};

/// The value of every rank, in the order of ranks. Collective. Throws communication_error.
template <class T>
std::vector<T> gather_values(Communicator& ranks, const T& own) {
  static_assert(std::is_trivially_copyable_v<T>);
  const auto bytes = ranks.gather(std::as_bytes(std::span(&own, 1)));
  std::vector<T> all(static_cast<std::size_t>(ranks.size()));
  std::memcpy(all.data(), bytes.data(), bytes.size());
  return all;
}

/// Copies a text of rank `from` to all other ranks. Collective. Throws communication_error.
inline void broadcast_text(Communicator& ranks, std::string& text, int from = 0) {
  std::size_t size = text.size();
  ranks.broadcast(std::as_writable_bytes(std::span(&size, 1)), from);
  text.resize(size);
  ranks.broadcast(std::as_writable_bytes(std::span(text)), from);
}

/// Checks that every rank has the same value. Throws communication_error on every rank: "rank 2 has another
/// configuration than rank 0". Collective.
template <class T>
void require_same(Communicator& ranks, const T& own, const std::string& what) {
  const auto all = gather_values(ranks, own);
  for (std::size_t r = 1; r < all.size(); ++r)
    if (!(all[r] == all[0])) throw communication_error("rank " + std::to_string(r) + " has " + what + " than rank 0");
}

/// The part of `count` things that belongs to one rank: a contiguous range; the sizes of the parts differ by at most
/// one.
struct RankPart {
  std::size_t first = 0;  ///< first of them
  std::size_t count = 0;  ///< how many
};

/// The part of rank `rank`. All parts together are 0 .. count - 1 in order.
constexpr RankPart part_of_rank(std::size_t count, std::size_t rank, std::size_t ranks) {
  const std::size_t first = count * rank / ranks;
  return {first, count * (rank + 1) / ranks - first};
}
/// The part of this rank.
inline RankPart part_of_rank(std::size_t count, const Communicator& ranks) {
  return part_of_rank(count, static_cast<std::size_t>(ranks.rank()), static_cast<std::size_t>(ranks.size()));
}

}  // namespace rondo::inline RONDO_ABI
