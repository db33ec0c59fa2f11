// SPDX-License-Identifier: MIT
// For the host executor only: persistent algorithms on a device with more multiprocessors than the executor's default,
// so that layers are divided as on a large GPU; on a device without clusters; and with several orders of threads and
// blocks.
#include <string>
#include <vector>

#include <host_cuda.hpp>

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

TEST_CASE("Recurrent layer on CUDA, host: tensor core weights that exceed the registers") {
  const DeviceGuard device({9, 0, 48});
  const CaseShape shape{2, 600, 2, 2};
  const RecurrentCase<LstmCell> in(shape, 9);
  const CaseResults exact = reference(in);
  for (Precision precision : {Precision::bf16, Precision::tf32x3}) {
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
          INFO(name << " has error " << worst);
          CHECK(worst <= (precision == Precision::bf16 ? 0x1p-5 : tolerance(shape)) * std::max(1.0, largest(values)));
        }
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

TEST_CASE("Recurrent layer on CUDA, host: a wavefront, in any order of streams") {
  host_cuda::set_streams(host_cuda::Streams::others_first);
  check_wavefront();
  host_cuda::set_streams(host_cuda::Streams::lazy);
}

TEST_CASE("Recurrent layer on CUDA, host: both directions, in any order of streams") {
  host_cuda::set_streams(host_cuda::Streams::others_first);
  check_bidirectional();
  host_cuda::set_streams(host_cuda::Streams::lazy);
}
