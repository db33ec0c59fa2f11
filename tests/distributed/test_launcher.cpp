// SPDX-License-Identifier: MIT
// What a process can tell of its launcher, and of the ranks on its machine.
#include <rondo/distributed/launcher.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace rondo;

namespace {

/// One rank of a program on two machines; it gathers the answers that the others would give.
class TwoMachines final : public Communicator {
 public:
  TwoMachines(int rank, std::vector<bool> on_first) : rank_(rank), on_first_(std::move(on_first)) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(on_first_.size()); }
  std::unique_ptr<AllReduce> make_all_reduce(std::span<float>, Precision) override { return nullptr; }
  std::unique_ptr<AllReduce> make_all_reduce(std::span<double>) override { return nullptr; }
  void broadcast(std::span<std::byte>, int) override {}
  std::vector<std::byte> gather(std::span<const std::byte> own) override {
    std::vector<std::byte> all;
    for (const bool first : on_first_) {
      all.insert(all.end(), own.begin(), own.end());
      if (first != on_first_[static_cast<std::size_t>(rank_)]) all.back() = std::byte{'x'};  // another name
    }
    return all;
  }
  void fail(const std::string&) noexcept override {}
  std::size_t bytes_sent() const override { return 0; }

 private:
  int rank_;
  std::vector<bool> on_first_;
};

}  // namespace

TEST_CASE("local_rank counts the ranks of its machine, wherever a launcher has placed them") {
  const std::vector<bool> round_robin{true, false, true, false, true}, filled{true, true, true, false, false};
  const auto local = [](int rank, const std::vector<bool>& machines) {
    TwoMachines ranks(rank, machines);
    const LocalRank found = local_rank(ranks);
    return std::vector{found.rank, found.size};
  };
  CHECK(local(0, round_robin) == std::vector{0, 3});
  CHECK(local(1, round_robin) == std::vector{0, 2});
  CHECK(local(3, round_robin) == std::vector{1, 2});
  CHECK(local(4, round_robin) == std::vector{2, 3});
  CHECK(local(2, filled) == std::vector{2, 3});
  CHECK(local(4, filled) == std::vector{1, 2});
  SingleProcess alone;
  CHECK(local_rank(alone).rank == 0);
  CHECK(local_rank(alone).size == 1);
}

TEST_CASE("rank_of_launcher reads the variables of the launchers") {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK"}) ::unsetenv(name);
  CHECK(!rank_of_launcher());
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK"}) {
    ::setenv(name, "3", 1);
    CHECK(rank_of_launcher() == 3);
    ::unsetenv(name);
  }
}
