// SPDX-License-Identifier: MIT
// Ranks that are threads of one process: a Communicator for tests that need no launcher.
#pragma once

#include <rondo/distributed/communicator.hpp>

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace rondo::test {

class ThreadRanks final : public Communicator {
 public:
  struct Shared {
    explicit Shared(int ranks) : barrier(ranks), memory(static_cast<std::size_t>(ranks)) {}
    std::barrier<> barrier;
    std::vector<std::span<std::byte>> memory;  // of each rank
  };

  ThreadRanks(Shared& shared, int rank) : shared_(shared), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(shared_.memory.size()); }
  std::unique_ptr<AllReduce> make_all_reduce(std::span<float> values, Precision) override {
    return std::make_unique<Sum<float>>(*this, values);
  }
  std::unique_ptr<AllReduce> make_all_reduce(std::span<double> values) override {
    return std::make_unique<Sum<double>>(*this, values);
  }
  void broadcast(std::span<std::byte> bytes, int from) override {
    const auto all = gather(bytes);
    std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(bytes.size()) * from, bytes.size(), bytes.begin());
  }
  std::vector<std::byte> gather(std::span<const std::byte> bytes) override {
    std::vector<std::byte> own(bytes.begin(), bytes.end()), all;
    exchange(own, [&](std::span<const std::byte> of) { all.insert(all.end(), of.begin(), of.end()); });
    return all;
  }
  void fail(const std::string&) noexcept override { std::terminate(); }
  std::size_t bytes_sent() const override { return 0; }

 private:
  template <class T>
  struct Sum final : AllReduce {
    Sum(ThreadRanks& of, std::span<T> summed) : ranks(of), values(summed) {}
    void start() override {}
    void wait() override {
      std::vector<T> sum(values.size(), T(0));
      ranks.exchange(std::as_writable_bytes(values), [&](std::span<std::byte> of) {
        const T* const theirs = reinterpret_cast<const T*>(of.data());
        for (std::size_t n = 0; n < sum.size(); ++n) sum[n] += theirs[n];
      });
      std::copy(sum.begin(), sum.end(), values.begin());
    }
    ThreadRanks& ranks;
    std::span<T> values;
  };

  /// Calls f(memory) for the memory of every rank, in order, while no rank changes it.
  template <class F>
  void exchange(std::span<std::byte> own, F&& f) {
    shared_.memory[static_cast<std::size_t>(rank_)] = own;
    shared_.barrier.arrive_and_wait();
    for (const auto memory : shared_.memory) f(memory);
    shared_.barrier.arrive_and_wait();
  }

  Shared& shared_;
  int rank_;
};

/// Calls f(communicator) for every rank, each in a thread.
template <class F>
void run_ranks(int ranks, F&& f) {
  ThreadRanks::Shared shared(ranks);
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      ThreadRanks communicator(shared, rank);
      f(communicator);
    });
}

}  // namespace rondo::test
