// SPDX-License-Identifier: MIT
// On the host executor alone: persistent walks on a device with more multiprocessors than the executor's usual one, so that
// layers are divided as on a large GPU; on one without clusters; and with threads and blocks in one order or another.
#include <string>
#include <vector>

#include <host_cuda.hpp>

#include "cuda/lstm_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;
using host_cuda::Order;

namespace {

/// The executor as another device, in a context that knows it.
class DeviceGuard {
 public:
  explicit DeviceGuard(host_cuda::Device device) : set_(device), use_(context_) {}
  ~DeviceGuard() { host_cuda::set_device({}); }

 private:
  struct Set {
    explicit Set(host_cuda::Device device) { host_cuda::set_device(device); }
  } set_;
  cuda::Context context_;
  cuda::Use use_;
};

std::string ran() { return cuda::name(cuda::Context::current().last_walk()); }

void check(const LstmShape& shape, LstmWalk walk) {
  const LstmCase in(shape, 9);
  const WalkGuard guard(walk);
  LstmLayer<float, Cuda>::Cache cache;
  const LstmResults got = run_on_device(in, cache);
  INFO(cuda::name(walk) << ": " << text(shape));
  CHECK(ran() == cuda::name(walk));
  require_close(shape, got, reference(in));
}

}  // namespace

TEST_CASE("LSTM on CUDA, host: layers that fill a large device") {
  const DeviceGuard device({9, 0, 66});
  for (const LstmShape& s : {LstmShape{3, 512, 2, 2}, {2, 250, 16, 2}})
    for (LstmWalk walk : {LstmWalk::grid_persistent, LstmWalk::cluster_persistent}) check(s, walk);
}

TEST_CASE("LSTM on CUDA, host: weights that registers do not hold, on tensor cores") {
  const DeviceGuard device({9, 0, 48});
  const LstmShape shape{2, 600, 2, 2};
  const LstmCase in(shape, 9);
  const LstmResults exact = reference(in);
  for (Precision precision : {Precision::bf16, Precision::tf32x3}) {
    const WalkGuard guard(LstmWalk::grid_persistent);
    LstmLayer<float, Cuda>::Cache cache;
    const LstmResults got = run_on_device(in, cache, precision);
    CHECK(ran() == "grid_persistent");
    for (std::size_t n = 0; n < got.tensors.size(); ++n)
      for (const auto& [name, values] : exact.tensors)
        if (name == got.tensors[n].first) {
          double worst = 0;
          for (std::size_t i = 0; i < values.size(); ++i)
            worst = std::max(worst, std::abs(values[i] - got.tensors[n].second[i]));
          INFO(name << " is off by " << worst);
          CHECK(worst <= (precision == Precision::bf16 ? 0x1p-5 : tolerance(shape)) * std::max(1.0, largest(values)));
        }
  }
}

TEST_CASE("LSTM on CUDA, host: a device without clusters, or too small, takes the next simpler walk") {
  const LstmCase small({3, 20, 2, 3}, 9), large({3, 400, 2, 2}, 9);
  const auto walk_of = [](const LstmCase& in) {
    const WalkGuard guard(LstmWalk::cluster_persistent);
    LstmLayer<float, Cuda>::Cache cache;
    require_close(in.shape, run_on_device(in, cache), reference(in));
    return ran();
  };
  {
    const DeviceGuard ampere({8, 0, 8});
    CHECK(walk_of(small) == "grid_persistent");
  }
  const DeviceGuard tiny({8, 6, 1});
  CHECK(walk_of(large) == "graph");
}

TEST_CASE("LSTM on CUDA, host: the same bits in any order of threads and blocks") {
  for (const LstmShape& shape : {LstmShape{3, 37, 5, 4}, {4, 70, 3, 3, {3, 1, 2}}})
    for (LstmWalk walk : kWalks)
      for (Precision precision : {Precision::fp32, Precision::bf16}) {
        const LstmCase in(shape, 9);
        const WalkGuard guard(walk);
        LstmLayer<float, Cuda>::Cache cache;
        const LstmResults ascending = run_on_device(in, cache, precision);
        for (Order order : {Order::descending, Order::shuffled(1), Order::shuffled(2)}) {
          host_cuda::set_order(order);
          LstmLayer<float, Cuda>::Cache fresh;
          const LstmResults other = run_on_device(in, fresh, precision);
          host_cuda::set_order(Order::ascending);
          INFO(cuda::name(walk) << ", order " << static_cast<int>(order.kind) << ": " << text(shape));
          for (std::size_t n = 0; n < ascending.tensors.size(); ++n) {
            INFO(ascending.tensors[n].first);
            CHECK(other.tensors[n].second == ascending.tensors[n].second);
          }
        }
      }
}

TEST_CASE("LSTM on CUDA, host: a wavefront, whichever stream works first") {
  host_cuda::set_streams(host_cuda::Streams::others_first);
  check_wavefront();
  host_cuda::set_streams(host_cuda::Streams::lazy);
}
