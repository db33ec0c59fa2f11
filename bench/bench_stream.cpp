// SPDX-License-Identifier: MIT
// One stream, one input, one step at a time: StreamingLstm beside an LSTM on Eigen matrices whose sizes are known when
// compiling, which is how real-time audio libraries write it. Rondo's side is compiled as a user would (plain -O2, in
// bench_stream_rondo.cpp); Eigen's, here, for this machine. Run with --benchmark_enable_random_interleaving=true
// --benchmark_repetitions=9 --benchmark_report_aggregates_only=true.
#include "bench_stream.hpp"

#include <benchmark/benchmark.h>

#include <Eigen/Core>

namespace {

template <int H>
class EigenLstm {
 public:
  EigenLstm() {
    for (auto* w : {&W_[0], &W_[1], &W_[2], &W_[3], &b_[0], &b_[1], &b_[2], &b_[3]}) w->setRandom();
    for (auto& r : R_) r.setRandom(), r *= 0.2f;
    h_.setZero(), c_.setZero();
  }

  const float* step(float x) {
    for (int g = 0; g < 4; ++g) {
      z_[g].noalias() = b_[g];
      z_[g].noalias() += R_[g] * h_;
      z_[g] += W_[g] * x;
    }
    const auto logistic = [](const Vector& z) { return 1.0f / (1.0f + (-z.array()).exp()); };
    c_ = logistic(z_[1]) * c_.array() + logistic(z_[0]) * z_[2].array().tanh();
    h_ = logistic(z_[3]) * c_.array().tanh();
    return h_.data();
  }

 private:
  using Vector = Eigen::Matrix<float, H, 1>;
  Vector W_[4], b_[4], z_[4], h_, c_;
  Eigen::Matrix<float, H, H> R_[4];
};

template <int H>
void stream_eigen(benchmark::State& state) {
  EigenLstm<H> lstm;
  float x = 0.1f;
  for (auto _ : state) x = 0.1f + 0.01f * lstm.step(x)[0];  // the next step waits for this one
}
BENCHMARK(stream_eigen<8>)->Name("stream_eigen/H:8");
BENCHMARK(stream_eigen<16>)->Name("stream_eigen/H:16");
BENCHMARK(stream_eigen<32>)->Name("stream_eigen/H:32");
BENCHMARK(stream_eigen<64>)->Name("stream_eigen/H:64");

template <int H>
void stream_rondo(benchmark::State& state) {
  bench::RondoStream lstm(H);
  float x = 0.1f;
  for (auto _ : state) x = 0.1f + 0.01f * lstm.step(x);
}
BENCHMARK(stream_rondo<8>)->Name("stream_rondo/H:8");
BENCHMARK(stream_rondo<16>)->Name("stream_rondo/H:16");
BENCHMARK(stream_rondo<32>)->Name("stream_rondo/H:32");
BENCHMARK(stream_rondo<64>)->Name("stream_rondo/H:64");

}  // namespace

BENCHMARK_MAIN();
