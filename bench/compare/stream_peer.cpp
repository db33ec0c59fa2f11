// SPDX-License-Identifier: MIT
// Other libraries' streams, for stream.py, which compiles this file with their headers. The cases and their names are
// those of bench_stream.
#include "../stream_cases.hpp"

#include <cstdio>
#include <random>
#include <utility>

#if defined(PEER_NEURALAUDIO)
#include <NeuralAudio/LSTM.h>
#else
#include <RTNeural/RTNeural.h>
#endif

namespace {

std::vector<float> random_values(int count, std::mt19937& rng) {
  std::normal_distribution<float> normal(0, 0.2f);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(rng);
  return values;
}

#if defined(PEER_NEURALAUDIO)
constexpr const char* kName = "stream_neuralaudio";

template <int H, int L>
struct Peer {
  Peer() {
    std::mt19937 rng(1);
    NeuralAudio::LSTMDef weights;
    for (int l = 0; l < L; ++l)
      weights.Layers.push_back(
          {random_values(4 * H * (l > 0 ? H : 1), rng), random_values(4 * H * H, rng), random_values(4 * H, rng)});
    weights.HeadWeights = random_values(H, rng);
    weights.HeadBias = 0;
    model.SetWeights(weights);
  }
  void process(const float* x, float* y, int steps) { model.Process(x, y, static_cast<std::size_t>(steps)); }
  void step(const float* x, float* y) { model.Process(x, y, 1); }
  NeuralAudio::LSTMModelT<L, H> model;
};
#else
constexpr const char* kName = "stream_rtneural";

template <int H, int L>
struct Model {
  using Type = RTNeural::ModelT<float, 1, 1, RTNeural::LSTMLayerT<float, 1, H>, RTNeural::DenseT<float, H, 1> >;
};
template <int H>
struct Model<H, 2> {
  using Type = RTNeural::ModelT<float, 1, 1, RTNeural::LSTMLayerT<float, 1, H>, RTNeural::LSTMLayerT<float, H, H>,
                                RTNeural::DenseT<float, H, 1> >;
};

template <int H, int L>
struct Peer {
  Peer() {
    std::mt19937 rng(1);
    const auto matrix = [&](int rows, int columns) {
      std::vector<std::vector<float> > m;
      for (int r = 0; r < rows; ++r) m.push_back(random_values(columns, rng));
      return m;
    };
    const auto set = [&](auto& layer, int inputs) {
      layer.setWVals(matrix(inputs, 4 * H));
      layer.setUVals(matrix(H, 4 * H));
      layer.setBVals(random_values(4 * H, rng));
    };
    set(model.template get<0>(), 1);
    if constexpr (L == 2) set(model.template get<1>(), H);
    model.template get<L>().setWeights(matrix(1, H));
    model.reset();
  }
  void process(const float* x, float* y, int steps) {
    for (int t = 0; t < steps; ++t) y[t] = model.forward(x + t);
  }
  void step(const float* x, float* y) { *y = model.forward(x); }
  typename Model<H, L>::Type model;
};
#endif

template <int H, int L>
void add() {
  for (int block : {1, 64, 256}) {
    const bench::StreamCase which{H, L, block, false, false, 1};
    benchmark::RegisterBenchmark(bench::name_of(which, kName).c_str(), [which](benchmark::State& state) {
      static Peer<H, L> peer;
      bench::measure(state, which, peer);
    });
  }
}

template <std::size_t... kIndex>
void add_all(std::index_sequence<kIndex...>) {
  (add<bench::kHidden[kIndex], 1>(), ...);
  (add<bench::kHidden[kIndex], 2>(), ...);
}

}  // namespace

int main(int argc, char** argv) {
  add_all(std::make_index_sequence<std::size(bench::kHidden)>{});
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
