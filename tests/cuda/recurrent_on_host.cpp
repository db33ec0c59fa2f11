// SPDX-License-Identifier: MIT
// For the host executor only: persistent algorithms on a device with more multiprocessors than the executor's default,
// so that layers are divided as on a large GPU; on a device without clusters; and with several orders of threads and
// blocks.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <host_cuda.hpp>
#include <rondo_ptx.cuh>

#include "../../cuda/recurrent/persistent_shape.hpp"
#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;
using host_cuda::Order;

namespace {

/// The executor with the properties of another device, and a context for it.
class DeviceGuard {
 public:
  explicit DeviceGuard(host_cuda::Device device) : set_(device), use_(context_) {}
  ~DeviceGuard() { host_cuda::set_device({}); }

 private:
  struct Set {
    explicit Set(host_cuda::Device device) { host_cuda::set_device(device); }
  } set_;
  cuda::Context context_;
  cuda::ContextGuard use_;
};

std::string ran() { return cuda::name(cuda::Context::current().last_algorithm()); }

void check(CaseShape shape, RecurrentAlgorithm algorithm, Direction direction) {
  shape.direction = direction;
  const RecurrentCase<LstmCell> in(shape, 9);
  const AlgorithmGuard guard(algorithm);
  RecurrentCache<float, Cuda> cache;
  const CaseResults got = run_on_device(in, cache);
  INFO(text<LstmCell>(algorithm, shape));
  CHECK(ran() == cuda::name(algorithm));
  require_close(shape, got, reference(in));
}

}  // namespace

TEST_CASE("Recurrent layer on CUDA, host: layers that fill a large device") {
  const DeviceGuard device({9, 0, 66});
  for (const CaseShape& s : {CaseShape{3, 512, 2, 2}, {2, 250, 16, 2}})
    for (RecurrentAlgorithm algorithm : {RecurrentAlgorithm::grid_persistent, RecurrentAlgorithm::cluster_persistent})
      for (Direction direction : {Direction::forward, Direction::reverse}) check(s, algorithm, direction);
}

TEST_CASE(
    "Recurrent layer on CUDA, host: tensor core weights that exceed the registers, whole and split rows of tiles") {
  struct Size {
    int multiprocessors;
    Index H, B;
  };
  // In the last three a block has 11 rows of tiles forward and 3 backward, 9 and 3, 13 and 4.
  for (const Size& size : {Size{48, 600, 2}, {3, 128, 17}, {3, 100, 3}, {2, 100, 9}}) {
    const DeviceGuard device({9, 0, size.multiprocessors});
    const CaseShape shape{2, size.H, size.B, 2};
    const RecurrentCase<LstmCell> in(shape, 9);
    const CaseResults exact = reference(in);
    for (Precision precision : {Precision::bf16, Precision::tf32}) {
      const AlgorithmGuard guard(RecurrentAlgorithm::grid_persistent);
      RecurrentCache<float, Cuda> cache;
      const CaseResults got = run_on_device(in, cache, {.precision = precision});
      CHECK(ran() == "grid_persistent");
      for (std::size_t n = 0; n < got.tensors.size(); ++n)
        for (const auto& [name, values] : exact.tensors)
          if (name == got.tensors[n].first) {
            double worst = 0;
            for (std::size_t i = 0; i < values.size(); ++i)
              worst = std::max(worst, std::abs(values[i] - got.tensors[n].second[i]));
            INFO("H " << size.H << ": " << name << " has error " << worst);
            CHECK(worst <= (precision == Precision::bf16 ? 0x1p-5 : 0x1p-7) * std::max(1.0, largest(values)));
          }
    }
  }
}

TEST_CASE("Recurrent layer on CUDA, host: occupancy is asked once per context, kernel and shape") {
  const RecurrentCase<LstmCell> in({3, 40, 5, 3}, 9), other({3, 100, 5, 3}, 9);
  for (RecurrentAlgorithm algorithm : {RecurrentAlgorithm::grid_persistent, RecurrentAlgorithm::cluster_persistent}) {
    const DeviceGuard device({9, 0, 8});
    const AlgorithmGuard guard(algorithm);
    RecurrentCache<float, Cuda> cache;
    const auto queries = [&](const RecurrentCase<LstmCell>& layer) {
      const std::size_t before = host_cuda::occupancy_queries();
      run_on_device(layer, cache);
      CHECK(ran() == cuda::name(algorithm));
      return host_cuda::occupancy_queries() - before;
    };
    CHECK(queries(in) >= 2);  // forward and backward
    CHECK(queries(other) >= 2);
    CHECK(queries(in) == 0);
    CHECK(queries(other) == 0);
  }
}

TEST_CASE("Approximate tanh on the host: the error of the instruction") {
  double worst = 0;
  for (float x = -8; x < 8; x += 1 / 512.0f)
    if (x != 0) worst = std::max(worst, std::abs(cuda::device::approximate_tanh(x) / std::tanh(double(x)) - 1));
  CHECK(worst <= 0x1p-11);
  CHECK(worst > 0x1p-12);
}

TEST_CASE("Work partition on tensor cores: the tiles of a block divide evenly among its warps") {
  struct Expected {
    Index H;
    int blocks, forward, backward;  // tiles of a warp
  };
  // The last one has 3 rows of tiles backward, for 6 warps: with more splits fewer tiles would be in registers.
  for (bool cluster : {false, true})
    for (const Expected& e : {Expected{512, 128, 4, 16}, {768, 96, 12, 24}, {768, 16, 72, 72}, {640, 16, 52, 80}})
      for (bool backward : {false, true}) {
        const auto s = cuda::persistent_shape(Precision::bf16, backward, cluster, e.H, e.blocks, 2, 227 << 10);
        REQUIRE(s);
        INFO("H " << e.H << ", " << e.blocks << " blocks" << (backward ? ", backward" : ""));
        CHECK(cuda::tiles_per_warp(*s) == (backward ? e.backward : e.forward));
      }
}

TEST_CASE("Recurrent layer on CUDA, host: a device without clusters, or too small, uses the next simpler algorithm") {
  const RecurrentCase<LstmCell> small({3, 20, 2, 3}, 9), large({3, 400, 2, 2}, 9);
  const auto algorithm_of = [](const RecurrentCase<LstmCell>& in) {
    const AlgorithmGuard guard(RecurrentAlgorithm::cluster_persistent);
    RecurrentCache<float, Cuda> cache;
    require_close(in.shape, run_on_device(in, cache), reference(in));
    return ran();
  };
  {
    const DeviceGuard ampere({8, 0, 8});
    CHECK(algorithm_of(small) == "grid_persistent");
  }
  const DeviceGuard tiny({8, 6, 1});
  CHECK(algorithm_of(large) == "graph");
}

TEST_CASE("Recurrent layer on CUDA, host: columns that have ended, or not begun, are not computed") {
  const DeviceGuard device({9, 0, 8});
  constexpr Index H = 64, B = 24, T = 8;
  std::vector<Index> lengths;
  for (Index b = 0; b < B; ++b) lengths.push_back(b < 8 ? 8 : b < 16 ? 4 : 2);  // tiles have eight columns
  struct Expected {
    Direction direction;
    Index steps, last;  // columns of T steps, and of the step of a backward pass for the initial state
  };
  // In reverse a column is needed one step before it begins, too.
  for (const Expected& e : {Expected{Direction::forward, 8 * (8 + 4 + 2), B}, {Direction::reverse, 8 * (8 + 5 + 3), 8}})
    for (RecurrentAlgorithm algorithm :
         {RecurrentAlgorithm::stepwise, RecurrentAlgorithm::grid_persistent, RecurrentAlgorithm::cluster_persistent}) {
      INFO(cuda::name(algorithm) << (e.direction == Direction::reverse ? ", in reverse" : ""));
      const AlgorithmGuard guard(algorithm);
      // Multiply-adds of a forward and a backward pass. Those of products over all steps do not depend on lengths.
      const auto count = [&](bool ragged) {
        Rng rng(1);
        RecurrentLayer<LstmCell, float, Cuda> layer({.input = 3, .hidden = H, .precision = Precision::bf16}, 3,
                                                    e.direction, rng);
        RecurrentCache<float, Cuda> cache;
        Sequence<float, Cuda> x(3, B, T), y(H, B, T), dy(H, B, T), h(H, B, 1), c(H, B, 1);
        for (auto* s : {&x, &y, &dy})
          if (ragged) s->set_lengths(lengths);
        for (auto* s : {&x, &dy, &h, &c}) fill(Cuda{}, s->flat(), 0.5f);
        const auto total = [] {
          cuda::Context::current().synchronize();
          return static_cast<Index>(host_cuda::multiply_adds());
        };
        const Index before = total();
        layer.forward(std::as_const(x), h.flat(), c.flat(), y.view(), cache, Inference{});
        const Index between = total();
        layer.backward(std::as_const(x), y.view(), std::as_const(dy).view(), cache, h.flat(), c.flat(), {});
        CHECK(ran() == cuda::name(algorithm));
        return std::pair{between - before, total() - between};
      };
      const auto dense = count(false), ragged = count(true);
      // A column of a step costs 4H x H multiply-adds. Persistent kernels multiply in the last step, too, and tiles of
      // the backward pass have 16 rows, of which a block of the grid has eight units, one of a cluster four.
      const Index rows = algorithm == RecurrentAlgorithm::stepwise          ? 1
                         : algorithm == RecurrentAlgorithm::grid_persistent ? 16 / 8
                                                                            : 16 / 4;
      const Index skipped = B * T - e.steps, backward = rows > 1 ? rows * (skipped + B - e.last) : skipped;
      CHECK(dense.first - ragged.first == skipped * 4 * H * H);
      CHECK(dense.second - ragged.second == backward * 4 * H * H);
    }
}

TEST_CASE("Recurrent layer on CUDA, host: bit-identical in any order of threads and blocks") {
  for (const CaseShape& shape :
       {CaseShape{3, 37, 5, 4}, {4, 70, 3, 3, {3, 1, 2}}, {3, 36, 4, 3, {1, 3, 0, 2}, Direction::reverse}})
    for (RecurrentAlgorithm algorithm : kAlgorithms)
      for (Precision precision : {Precision::fp32, Precision::bf16}) {
        const RecurrentCase<LstmCell> in(shape, 9);
        const AlgorithmGuard guard(algorithm);
        RecurrentCache<float, Cuda> cache;
        const CaseResults ascending = run_on_device(in, cache, {.precision = precision});
        for (Order order : {Order::descending, Order::shuffled(1), Order::shuffled(2)}) {
          host_cuda::set_order(order);
          RecurrentCache<float, Cuda> fresh;
          const CaseResults other = run_on_device(in, fresh, {.precision = precision});
          host_cuda::set_order(Order::ascending);
          INFO(cuda::name(algorithm) << ", order " << static_cast<int>(order.kind) << ": " << text(shape));
          for (std::size_t n = 0; n < ascending.tensors.size(); ++n) {
            INFO(ascending.tensors[n].first);
            CHECK(other.tensors[n].second == ascending.tensors[n].second);
          }
        }
      }
}

TEST_CASE("Recurrent layer on CUDA, host: both directions, in any order of streams") {
  host_cuda::set_streams(host_cuda::Streams::others_first);
  check_bidirectional();
  host_cuda::set_streams(host_cuda::Streams::lazy);
}
