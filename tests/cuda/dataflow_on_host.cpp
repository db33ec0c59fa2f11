// SPDX-License-Identifier: MIT
// For the host executor only, with cases small enough for ThreadSanitizer: the algorithm without a barrier in
// partitions of one to six blocks; with blocks that are delayed at random, results that are NaN, and slots that hold
// the data of earlier passes.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <host_cuda.hpp>

#include "../../cuda/recurrent/dataflow_shape.hpp"
#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// The executor with so many multiprocessors, which decide the partition, and a context for it.
class Device {
 public:
  explicit Device(int multiprocessors, int major = 9) : set_(multiprocessors, major), use_(context_) {}
  ~Device() {
    host_cuda::set_delays(0);
    host_cuda::set_device({});
  }

 private:
  struct Set {
    Set(int multiprocessors, int major) { host_cuda::set_device({major, 0, multiprocessors}); }
  } set_;
  cuda::Context context_;
  cuda::ContextGuard use_;
  AlgorithmGuard guard_{RecurrentAlgorithm::dataflow_persistent};
};

std::string ran() { return cuda::name(cuda::Context::current().last_algorithm()); }

template <class Cell>
CaseResults run(const RecurrentCase<Cell>& in, Precision precision) {
  RecurrentCache<float, Cuda> cache;
  return run_on_device(in, cache, {.precision = precision});
}

void require_same_bits(const CaseResults& got, const CaseResults& wanted) {
  for (std::size_t n = 0; n < wanted.tensors.size(); ++n) {
    INFO(wanted.tensors[n].first);
    REQUIRE(got.tensors[n].second == wanted.tensors[n].second);
  }
}

struct Partition {
  int multiprocessors;
  Index H;
  std::size_t blocks, cluster;  // of the partition, in 32 bits
};
// Clusters of two blocks; of four; the last cluster with one unit less than the others; in 16 bits, one block of 12
// units a cluster.
constexpr Partition kPartitions[] = {{6, 12, 6, 2}, {4, 16, 4, 4}, {3, 24, 2, 2}};

}  // namespace

TEMPLATE_TEST_CASE("Dataflow algorithm on the host: results agree with the reference", "", LstmCell, GruCell) {
  for (const Partition& partition : kPartitions) {
    const Device device(partition.multiprocessors);
    for (Direction direction : {Direction::forward, Direction::reverse})
      for (const std::vector<Index>& lengths : {std::vector<Index>{}, {1, 3, 0}}) {
        const CaseShape shape{2, partition.H, 3, 3, lengths, direction};
        const RecurrentCase<TestType> in(shape, 9);
        INFO(partition.multiprocessors << " multiprocessors: " << text(shape));
        require_close(shape, run(in, Precision::fp32), reference(in));
        CHECK(ran() == "dataflow_persistent");
        const auto launch = host_cuda::last_cluster_launch();
        CHECK(launch.blocks == partition.blocks);
        CHECK(launch.cluster == partition.cluster);
      }
  }
}

TEMPLATE_TEST_CASE("Dataflow algorithm on the host: operands of every precision", "", LstmCell, GruCell) {
  const Device device(6);
  const RecurrentCase<TestType> in({2, 24, 10, 3, unsorted_lengths(10, 3)}, 9);
  const CaseResults exact = reference(in);
  for (Precision precision : {Precision::tf32, Precision::bf16, Precision::fp16}) {
    const CaseResults got = run(in, precision);
    CHECK(ran() == "dataflow_persistent");
    for (std::size_t n = 0; n < got.tensors.size(); ++n)
      for (const auto& [name, values] : exact.tensors)
        if (name == got.tensors[n].first) {
          INFO(name << ", precision " << static_cast<int>(precision));
          const double error = relative_error(got.tensors[n].second, values);
          CHECK(error <= (precision == Precision::tf32 ? 4 * kTf32Roundoff : 8 * 0x1p-9));
        }
  }
}

TEST_CASE("Dataflow algorithm on the host: the same bits, however blocks are delayed") {
  for (const Partition& partition : kPartitions) {
    const Device device(partition.multiprocessors);
    for (Precision precision : {Precision::fp32, Precision::bf16}) {
      const Index H = precision == Precision::bf16 ? 24 : partition.H;
      const RecurrentCase<LstmCell> in({2, H, 3, 6, {1, 6, 4}}, 9);
      const CaseResults undelayed = run(in, precision);
      CHECK(ran() == "dataflow_persistent");
      for (std::uint64_t seed : {1, 2, 3}) {
        host_cuda::set_delays(seed);
        require_same_bits(run(in, precision), undelayed);
        host_cuda::set_order(host_cuda::Order::shuffled(seed));
        require_same_bits(run(in, precision), undelayed);
        host_cuda::set_order(host_cuda::Order::ascending);
      }
      host_cuda::set_delays(0);
    }
  }
}

TEST_CASE("Dataflow algorithm on the host: more columns than at once, and a block without a cell") {
  const Device device(6);  // three clusters of two blocks of four units: H = 20 leaves none for the last block
  for (Direction direction : {Direction::forward, Direction::reverse})
    for (const CaseShape& s : {CaseShape{1, 20, 129, 1}, {1, 20, 65, 2, unsorted_lengths(65, 2)}}) {
      CaseShape shape = s;
      shape.direction = direction;
      const RecurrentCase<LstmCell> in(shape, 9);
      const CaseResults exact = reference(in);
      for (std::uint64_t seed : {1, 2, 3}) {
        host_cuda::set_delays(seed);
        require_close(shape, run(in, Precision::fp32), exact);
        CHECK(ran() == "dataflow_persistent");
        CHECK(host_cuda::last_cluster_launch().blocks == 6);
      }
    }
}

TEST_CASE("Dataflow algorithm on the host: slots hold the data of an earlier pass") {
  const Device device(6);
  for (Precision precision : {Precision::fp32, Precision::bf16}) {
    RecurrentCache<float, Cuda> cache;
    const RecurrentCase<LstmCell> first({2, 24, 3, 5}, 1);
    run_on_device(first, cache, {.precision = precision});
    std::uint64_t seed = 0;
    for (const CaseShape& shape : {CaseShape{2, 24, 3, 5}, {2, 24, 3, 4, {2, 0, 4}}, {2, 24, 2, 3}}) {
      const RecurrentCase<LstmCell> in(shape, 2);
      const CaseResults fresh = run(in, precision);
      host_cuda::set_delays(++seed);
      require_same_bits(run_on_device(in, cache, {.precision = precision}), fresh);
      host_cuda::set_delays(0);
    }
  }
}

TEST_CASE("Dataflow algorithm on the host: NaN is a result, also the one that marks an empty slot") {
  const float all_bits = std::bit_cast<float>(0xffffffffu);
  const Device device(6);
  for (Precision precision : {Precision::fp32, Precision::bf16})
    for (Direction direction : {Direction::forward, Direction::reverse}) {
      // In a reverse pass the padding after a sequence's last step holds its h0, unchanged.
      RecurrentCase<LstmCell> in({2, 24, 3, 3, {1, 3, 2}, direction}, 9);
      const CaseResults finite = run(in, precision);
      for (Index i = 0; i < 24; ++i) in.h0(i, 0, 0) = all_bits;
      in.x(1, 2, 0) = std::numeric_limits<float>::quiet_NaN();
      const CaseResults got = run(in, precision);
      CHECK(ran() == "dataflow_persistent");
      const auto &y = got.tensors[0].second, &y_finite = finite.tensors[0].second;
      for (Index t = 0; t < 3; ++t)
        for (Index b = 0; b < 3; ++b)
          for (Index i = 0; i < 24; ++i) {
            const auto at = static_cast<std::size_t>(i + 24 * (b + 3 * t));
            const bool active = t < in.shape.lengths[static_cast<std::size_t>(b)];
            if (b == 1 || !active)
              CHECK(y[at] == y_finite[at]);
            else if (b == 0 || t == 0 || direction == Direction::forward)
              CHECK(std::isnan(y[at]));
          }
    }
}

TEST_CASE("Dataflow algorithm on the host: what it does not support runs by the next simpler algorithm") {
  const auto algorithm_of = [](const auto& in, Precision precision) {
    run(in, precision);
    return ran();
  };
  const RecurrentCase<LstmCell> lstm({2, 20, 3, 3}, 9);
  const RecurrentCase<GruCell> gru({2, 20, 3, 3}, 9);
  {
    const Device device(6);
    CHECK(algorithm_of(lstm, Precision::fp32) == "dataflow_persistent");
    CHECK(algorithm_of(lstm, Precision::bf16) == "cluster_persistent");  // loads of 16 bytes need a multiple of 8
    CHECK(algorithm_of(gru, Precision::fp32) == "dataflow_persistent");
    CHECK(algorithm_of(gru, Precision::bf16) == "graph");
    CHECK(algorithm_of(RecurrentCase<LstmCell>({.C = 2, .H = 20, .B = 3, .T = 3, .projection = 4}, 9),
                       Precision::fp32) == "graph");
  }
  const Device ampere(6, 8);
  CHECK(algorithm_of(lstm, Precision::fp32) == "grid_persistent");
  CHECK(algorithm_of(gru, Precision::fp32) == "graph");
}

TEST_CASE("Dataflow algorithm: the partition of a layer on an H100") {
  for (bool backward : {false, true}) {
    const auto s = cuda::dataflow_shape(Precision::bf16, backward, 4, 768, 16, 16, 8, 227 << 10);
    REQUIRE(s);
    CHECK(s->clusters == 16);
    CHECK(s->block_units == 6);
    CHECK(s->product.padded == 96);
    CHECK(cuda::tiles_per_warp(s->product) == 12);
    CHECK(s->product.columns == 16);
    CHECK(s->shared() < 75 << 10);
    const auto wide = cuda::dataflow_shape(Precision::bf16, backward, 4, 1024, 128, 16, 8, 227 << 10);
    REQUIRE(wide);
    CHECK(wide->product.columns == (backward ? 64 : 43));  // two and three groups
  }
  CHECK(!cuda::dataflow_shape(Precision::bf16, false, 4, 764, 16, 16, 8, 227 << 10));
  CHECK(!cuda::dataflow_shape(Precision::fp32, false, 4, 2048, 16, 16, 8, 227 << 10));
  CHECK(
      !cuda::dataflow_shape(Precision::bf16, false, 4, 24, 1, 1, 4, 227 << 10));  // a block without a part of the depth
}

TEST_CASE("Dataflow algorithm: division by multiplication") {
  for (int d : {1, 2, 3, 5, 6, 7, 12, 48, 96, 255, 1000, 29000})
    for (int n : {0, 1, d - 1, d, d + 1, 2 * d - 1, 29000, 29056}) {
      INFO(n << " / " << d);
      CHECK(n / cuda::Divisor(d) == n / d);
      CHECK(n % cuda::Divisor(d) == n % d);
    }
}
