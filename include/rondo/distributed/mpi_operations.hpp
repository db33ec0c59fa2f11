// SPDX-License-Identifier: MIT
// Collective operations as state machines: begin() starts messages, advance() starts the next ones when those have
// arrived. They never block, so that one thread can drive several, notice that a rank does not answer, and say which.
#pragma once

#include <rondo/core/bfloat16.hpp>
#include <rondo/distributed/mpi_requests.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace rondo::inline RONDO_ABI::detail {

/// This process among the N ranks of an MPI communicator.
struct MpiGroup {
  MPI_Comm comm;
  int rank, size;

  /// Calls f(r) for all ranks but this one, beginning with the next, so that not all send to the same rank at first.
  template <class F>
  void for_each_other(F&& f) const {
    for (int n = 1; n < size; ++n) f((rank + n) % size);
  }
};

class MpiOperation {
 public:
  using Clock = std::chrono::steady_clock;

  MpiOperation(const MpiGroup& group, int tag) : group_(group), tag_(tag), requests_(group.comm) {}
  virtual ~MpiOperation() = default;
  MpiOperation(const MpiOperation&) = delete;
  MpiOperation& operator=(const MpiOperation&) = delete;

  virtual void begin() = 0;

  /// Whether the operation is complete.
  bool advance() {
    while (requests_.test())
      if (!next()) return true;
    if (requests_.progressed()) last_progress_ = Clock::now();
    return false;
  }

  void start_clock() { last_progress_ = Clock::now(); }
  Clock::duration without_progress() const { return Clock::now() - last_progress_; }
  std::string waits_for() const { return requests_.waits_for(); }
  std::size_t take_bytes_sent() { return requests_.take_bytes_sent(); }

 protected:
  /// Called when all messages have arrived. Returns whether it started others.
  virtual bool next() = 0;

  MpiGroup group_;
  int tag_;  // the operation's own: tag_ and tag_ + 1
  MpiRequests requests_;

 private:
  Clock::time_point last_progress_;
};

/// The bytes of every rank.
class MpiGather final : public MpiOperation {
 public:
  /// all: N parts of one size; that of this rank is set.
  MpiGather(const MpiGroup& group, int tag, std::span<std::byte> all) : MpiOperation(group, tag), all_(all) {}

  void begin() override {
    group_.for_each_other([&](int r) { requests_.receive(part(r), r, tag_); });
    group_.for_each_other([&](int r) { requests_.send(part(group_.rank), r, tag_); });
  }

 private:
  bool next() override { return false; }
  std::span<std::byte> part(int r) const {
    const std::size_t size = all_.size() / static_cast<std::size_t>(group_.size);
    return all_.subspan(static_cast<std::size_t>(r) * size, size);
  }

  std::span<std::byte> all_;
};

/// A binomial tree: with ranks counted from the source, a rank receives from the one without its highest bit and sends
/// to those with one higher bit more.
class MpiBroadcast final : public MpiOperation {
 public:
  MpiBroadcast(const MpiGroup& group, int tag, std::span<std::byte> bytes, int from)
      : MpiOperation(group, tag), bytes_(bytes), from_(from), own_((group.rank - from + group.size) % group.size) {}

  void begin() override {
    if (own_ == 0)
      send();
    else
      requests_.receive(bytes_, absolute(own_ ^ static_cast<int>(std::bit_floor(static_cast<unsigned>(own_)))), tag_);
  }

 private:
  bool next() override { return !sent_ && send(); }
  bool send() {
    sent_ = true;
    bool any = false;
    for (int bit = static_cast<int>(std::bit_ceil(static_cast<unsigned>(own_ + 1))); own_ + bit < group_.size; bit *= 2)
      requests_.send(bytes_, absolute(own_ + bit), tag_), any = true;
    return any;
  }
  int absolute(int relative) const { return (relative + from_) % group_.size; }

  std::span<std::byte> bytes_;
  int from_, own_;
  bool sent_ = false;
};

/// A sum over all ranks in two steps (Thakur, Rabenseifner, Gropp: "Optimization of Collective Communication Operations
/// in MPICH", 2005: reduce-scatter and allgather): every rank owns a part of the values, receives that part from all
/// others, adds them in the order of ranks, and sends the sum to all others. Every rank sends 2 (N - 1) / N of the
/// values. On the network they are Wire: T, or std::uint16_t for bfloat16 with error feedback (Seide et al. 2014).
template <class T, class Wire = T>
class MpiAllReduce final : public MpiOperation {
 public:
  MpiAllReduce(const MpiGroup& group, int tag, std::span<T> values)
      : MpiOperation(group, tag), values_(values), own_(part(group.rank)) {
    received_.resize(own_.count * static_cast<std::size_t>(group.size));
    if constexpr (kRounds) {
      wire_.resize(values.size());
      lost_.resize(values.size());
    }
  }

  void clear_rounding() { std::ranges::fill(lost_, 0.0f); }

  void begin() override {
    summed_ = false;
    group_.for_each_other([&](int r) { requests_.receive(std::as_writable_bytes(received(r)), r, tag_); });
    group_.for_each_other([&](int r) {
      if constexpr (kRounds) pack(part(r));
      requests_.send(std::as_bytes(on_wire(part(r))), r, tag_);
    });
  }

 private:
  static constexpr bool kRounds = !std::is_same_v<T, Wire>;

  bool next() override {
    if (summed_) {
      if constexpr (kRounds) group_.for_each_other([&](int r) { unpack(part(r)); });
      return false;
    }
    summed_ = true;
    sum();
    if constexpr (kRounds) pack(own_), unpack(own_);  // every rank must have the same bits
    group_.for_each_other([&](int r) { requests_.receive(std::as_writable_bytes(on_wire(part(r))), r, tag_ + 1); });
    group_.for_each_other([&](int r) { requests_.send(std::as_bytes(on_wire(own_)), r, tag_ + 1); });
    return true;
  }

  /// Adds the own part of all ranks, in their order, block by block: a block stays in the cache.
  void sum() {
    constexpr std::size_t kBlock = 2048;
    std::array<T, kBlock> total;
    for (std::size_t at = 0; at < own_.count; at += kBlock) {
      const std::size_t count = std::min(kBlock, own_.count - at);
      T* const own = values_.data() + own_.first + at;
      for (int r = 0; r < group_.size; ++r) {
        const auto add = [&](auto value) {
          if (r == 0)
            for (std::size_t n = 0; n < count; ++n) total[n] = value(n);
          else
            for (std::size_t n = 0; n < count; ++n) total[n] += value(n);
        };
        const Wire* const theirs = received(r).data() + at;
        if (r == group_.rank)
          add([own](std::size_t n) { return own[n]; });
        else
          add([theirs](std::size_t n) { return from_wire(theirs[n]); });
      }
      std::copy_n(total.data(), count, own);
    }
  }

  static T from_wire(Wire value) {
    if constexpr (kRounds)
      return from_bfloat16(value);
    else
      return value;
  }

  /// Rounds values, with what was lost the last time.
  void pack(const RankPart& p) {
    for (std::size_t n = p.first; n < p.first + p.count; ++n) {
      const float wanted = values_[n] + lost_[n];
      wire_[n] = to_bfloat16(wanted);
      const float lost = wanted - from_bfloat16(wire_[n]);
      lost_[n] = std::isfinite(lost) ? lost : 0;
    }
  }
  void unpack(const RankPart& p) {
    for (std::size_t n = p.first; n < p.first + p.count; ++n) values_[n] = from_bfloat16(wire_[n]);
  }

  RankPart part(int r) const {
    return part_of_rank(values_.size(), static_cast<std::size_t>(r), static_cast<std::size_t>(group_.size));
  }
  std::span<Wire> received(int r) {
    return std::span(received_).subspan(static_cast<std::size_t>(r) * own_.count, own_.count);
  }
  std::span<Wire> on_wire(const RankPart& p) {
    if constexpr (kRounds)
      return std::span(wire_).subspan(p.first, p.count);
    else
      return values_.subspan(p.first, p.count);
  }

  std::span<T> values_;
  RankPart own_;                // the part that this rank adds
  std::vector<Wire> received_;  // own_.count of each rank
  std::vector<Wire> wire_;      // as many as values, if they are rounded
  std::vector<float> lost_;     // the same; in the own part, of the sum
  bool summed_ = false;
};

}  // namespace rondo::inline RONDO_ABI::detail
