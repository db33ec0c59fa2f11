// SPDX-License-Identifier: MIT
// A user-defined cell in a program that links rondo::nn: an LSTM under another name has the same outputs.
#include <rondo/cpu/define_operations.hpp>
#include <rondo/cpu/threads.hpp>
#include <rondo/layers/initialise.hpp>
#include <rondo/layers/lstm.hpp>

#include <algorithm>
#include <cstdio>

struct OwnCell : rondo::LstmCell {
  static constexpr const char* kName = "Own";
  static constexpr bool kPacked = false;
  using SplitCell = void;
};

namespace rondo::equations {
template <>
struct Equations<OwnCell> : Equations<LstmCell> {};
}  // namespace rondo::equations

template <class Network>
rondo::Sequence<double> outputs_of() {
  rondo::Rng rng(1);
  Network network({.input = 2, .hidden = 3}, rng);
  rondo::Sequence<double> x(2, 2, 4);
  rondo::initialise_normal(x.flat(), 1.0, rng);
  auto state = network.zero_state(2);
  typename Network::Cache cache;
  return network.forward(x, state, cache, rondo::Inference{});
}

int main() {
  rondo::set_num_threads(2);
  const auto own = outputs_of<rondo::Recurrent<OwnCell, double>>(), lstm = outputs_of<rondo::Lstm<double>>();
  const bool same = std::equal(own.flat().data, own.flat().data + own.size(), lstm.flat().data);
  const bool zero = std::all_of(own.flat().data, own.flat().data + own.size(), [](double h) { return h == 0; });
  std::puts(same && !zero ? "the same outputs" : "other outputs");
  return same && !zero ? 0 : 1;
}
