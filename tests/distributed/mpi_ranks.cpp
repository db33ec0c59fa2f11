// SPDX-License-Identifier: MIT
// One rank of the tests of MpiCommunicator: `mpirun -np N mpi_ranks SCENARIO`. Prints one line per rank, "rank 0: ok"
// or what went wrong; exit status 0 only if all is well.
#include <rondo/core/random.hpp>
#include <rondo/distributed/mpi.hpp>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace rondo;

void require(bool right, const std::string& what) {
  if (!right) throw std::runtime_error("not so: " + what);
}

/// What rank `rank` adds in round `round`.
template <class T>
std::vector<T> values_of(std::size_t count, int rank, int round) {
  Rng rng(static_cast<std::uint64_t>(17 + round), static_cast<std::uint64_t>(rank));
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(std::ldexp(rng.uniform(-1, 1), static_cast<int>(rng.below(20)) - 10));
  return values;
}

/// Several sums at once, again and again: the bits of a sum in the order of ranks.
template <class T>
void sums(MpiCommunicator& ranks, auto&& make) {
  std::vector<std::vector<T>> values;
  std::vector<std::unique_ptr<AllReduce>> all;
  for (const std::size_t count : {std::size_t{1}, std::size_t{3}, std::size_t{4096}, std::size_t{100'003}})
    values.emplace_back(count);
  for (auto& v : values) all.push_back(make(std::span(v)));
  for (int round = 0; round < 5; ++round) {
    for (std::size_t n = 0; n < values.size(); ++n) {
      const auto own = values_of<T>(values[n].size(), ranks.rank(), round);
      std::copy(own.begin(), own.end(), values[n].begin());  // the memory stays the same
      all[n]->start();
    }
    for (std::size_t n = 0; n < values.size(); ++n) {
      auto wanted = values_of<T>(values[n].size(), 0, round);
      for (int r = 1; r < ranks.size(); ++r) {
        const auto theirs = values_of<T>(values[n].size(), r, round);
        for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] += theirs[i];
      }
      all[n]->wait();
      require(values[n] == wanted,
              "sum of " + std::to_string(wanted.size()) + " values, round " + std::to_string(round));
    }
  }
}

/// bfloat16 with error feedback: what is lost comes back, so the mean of many sums of the same values is right.
void rounded_sums(MpiCommunicator& ranks) {
  constexpr int kRounds = 400;
  constexpr std::size_t kCount = 1001;
  std::vector<float> values(kCount);
  std::vector<double> total(kCount), wanted(kCount);
  const auto all_reduce = ranks.make_all_reduce(values, Precision::bf16);
  const auto own = values_of<float>(kCount, ranks.rank(), 0);
  for (int r = 0; r < ranks.size(); ++r) {
    const auto theirs = values_of<float>(kCount, r, 0);
    for (std::size_t n = 0; n < kCount; ++n) wanted[n] += theirs[n];
  }
  double worst_single = 0, worst_mean = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::copy(own.begin(), own.end(), values.begin());
    all_reduce->start();
    all_reduce->wait();
    const auto everywhere = ranks.gather(std::as_bytes(std::span(values)));
    require(std::memcmp(everywhere.data(), values.data(), kCount * sizeof(float)) == 0, "the bits of rank 0");
    for (std::size_t n = 0; n < kCount; ++n) total[n] += values[n];
    if (round == 0)
      for (std::size_t n = 0; n < kCount; ++n) worst_single = std::max(worst_single, std::abs(values[n] - wanted[n]));
  }
  all_reduce->clear_rounding();
  std::copy(own.begin(), own.end(), values.begin());
  all_reduce->start();
  all_reduce->wait();
  double worst_cleared = 0;
  for (std::size_t n = 0; n < kCount; ++n) worst_cleared = std::max(worst_cleared, std::abs(values[n] - wanted[n]));
  require(worst_cleared == worst_single, "after clear_rounding the sum is that of the first round");
  for (std::size_t n = 0; n < kCount; ++n) worst_mean = std::max(worst_mean, std::abs(total[n] / kRounds - wanted[n]));
  require(worst_single > 1e-3 * ranks.size(), "values are rounded");
  require(worst_mean < worst_single / 50, "the mean of many sums is right");
}

/// A sum sends what others own, and N - 1 times the sum of the own part.
template <class T>
void bytes(MpiCommunicator& ranks, Precision precision, std::size_t wire_bytes) {
  std::vector<T> values(1001);
  const auto all_reduce = ranks.make_all_reduce(values, precision);
  const auto own = part_of_rank(values.size(), ranks).count;
  gather_values(ranks, 0);  // all before are complete
  const std::size_t before = ranks.bytes_sent();
  all_reduce->start();
  all_reduce->wait();
  const std::size_t wanted = (values.size() - own + own * static_cast<std::size_t>(ranks.size() - 1)) * wire_bytes;
  require(ranks.bytes_sent() - before == wanted,
          std::to_string(wanted) + " bytes, but " + std::to_string(ranks.bytes_sent() - before));
}

void collectives(MpiCommunicator& ranks) {
  for (int from = 0; from < ranks.size(); ++from) {
    std::string text = ranks.rank() == from ? std::string(static_cast<std::size_t>(from) * 1000 + 1, 'a') : "";
    broadcast_text(ranks, text, from);
    require(text == std::string(static_cast<std::size_t>(from) * 1000 + 1, 'a'), "broadcast");
  }
  const auto all = gather_values(ranks, 10 * ranks.rank());
  for (int r = 0; r < ranks.size(); ++r) require(all[static_cast<std::size_t>(r)] == 10 * r, "gather");
}

/// Waits for a sum that does not come, or comes.
void wait_for_a_sum(MpiCommunicator& ranks) {
  std::vector<float> values(1000);
  const auto all_reduce = ranks.make_all_reduce(values, Precision::fp32);
  all_reduce->start();
  all_reduce->wait();
}

const std::map<std::string, void (*)(MpiCommunicator&)> kScenarios = {
    {"sums",
     [](MpiCommunicator& ranks) {
       sums<float>(ranks, [&](std::span<float> v) { return ranks.make_all_reduce(v, Precision::fp32); });
       sums<double>(ranks, [&](std::span<double> v) { return ranks.make_all_reduce(v); });
     }},
    {"rounded", rounded_sums},
    {"collectives", collectives},
    {"bytes",
     [](MpiCommunicator& ranks) {
       bytes<float>(ranks, Precision::fp32, 4);
       bytes<float>(ranks, Precision::bf16, 2);
     }},
    {"precision",
     [](MpiCommunicator& ranks) {
       std::vector<float> values(3);
       std::string message;
       try {
         ranks.make_all_reduce(values, Precision::tf32);
       } catch (const error& e) {
         message = e.what();
       }
       require(message == "MpiCommunicator: gradients travel as fp32 or bf16, not as tf32", message);
     }},
    {"error",
     [](MpiCommunicator& ranks) {
       wait_for_a_sum(ranks);
       if (ranks.rank() == 1) throw std::runtime_error("there is no file x.mid");
       wait_for_a_sum(ranks);
     }},
    {"hang",
     [](MpiCommunicator& ranks) {
       wait_for_a_sum(ranks);
       if (ranks.rank() == 1) std::this_thread::sleep_for(std::chrono::hours(1));
       wait_for_a_sum(ranks);
     }},
    {"death",
     [](MpiCommunicator& ranks) {
       wait_for_a_sum(ranks);
       if (ranks.rank() == 1) std::raise(SIGKILL);
       wait_for_a_sum(ranks);
     }},
    {"difference", [](MpiCommunicator& ranks) { require_same(ranks, ranks.rank() == 2 ? 5 : 4, "another number"); }},
};

volatile std::sig_atomic_t g_terminated = 0;

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGTERM, [](int) { g_terminated = 1; });
  const auto scenario = argc == 2 ? kScenarios.find(argv[1]) : kScenarios.end();
  if (scenario == kScenarios.end()) {
    std::fprintf(stderr, "usage: mpirun -np N mpi_ranks SCENARIO\n");
    return 2;
  }
  MpiSession mpi({.timeout = std::chrono::seconds(2), .stop = [] { return g_terminated != 0; }});
  const int rank = mpi.ranks().rank();
  try {
    scenario->second(mpi.ranks());
  } catch (const std::exception& e) {
    mpi.ranks().fail(e.what());
    std::printf("rank %d: %s\n", rank, e.what());
    std::fflush(stdout);
    return 1;
  }
  std::printf("rank %d: ok\n", rank);
  return 0;
}
