// SPDX-License-Identifier: MIT
// Streaming with one input: StreamingLstm and StreamingGru compared with cells on Eigen matrices of compile-time size,
// as real-time audio libraries write them. Rondo's side is compiled like a user's program (plain -O2, in
// bench_stream_rondo.cpp); Eigen's, in this file, for this machine. block:1 are single steps, where each input depends
// on the output before it. Run with --benchmark_enable_random_interleaving=true --benchmark_repetitions=9
// --benchmark_report_aggregates_only=true. bench/compare/stream.py runs other libraries beside it. --worst prints the
// median and the worst time of 10 million steps instead.
#include "bench_stream.hpp"
#include "stream_cases.hpp"

#include <benchmark/benchmark.h>

#include <Eigen/Core>

#include <string>

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
class EigenGru {
 public:
  EigenGru() {
    for (auto* w : {&W_[0], &W_[1], &W_[2], &b_[0], &b_[1], &b_[2], &b_n_}) w->setRandom();
    for (auto& r : R_) r.setRandom(), r *= 0.2f;
    h_.setZero();
  }

  const float* step(float x) {
    const Vector* const bias[] = {&b_[0], &b_[1], &b_n_};  // of R h; that of the candidate is separate
    for (int g = 0; g < 3; ++g) {
      z_[g].noalias() = *bias[g];
      z_[g].noalias() += R_[g] * h_;
    }
    const auto logistic = [](const auto& z) { return 1.0f / (1.0f + (-z).exp()); };
    reset_ = logistic(z_[0].array() + W_[0].array() * x);
    update_ = logistic(z_[1].array() + W_[1].array() * x);
    n_ = (b_[2].array() + W_[2].array() * x + reset_.array() * z_[2].array()).tanh();
    h_ = n_.array() + update_.array() * (h_ - n_).array();
    return h_.data();
  }

 private:
  using Vector = Eigen::Matrix<float, H, 1>;
  Vector W_[3], b_[3], b_n_, z_[3], reset_, update_, n_, h_;
  Eigen::Matrix<float, H, H> R_[3];
};

template <class Network>
void stream_eigen(benchmark::State& state) {
  Network network;
  float x = 0.1f;
  for (auto _ : state) x = 0.1f + 0.01f * network.step(x)[0];  // makes the next step depend on this one
  state.counters["s_per_step"] = bench::per_step(1);
}
BENCHMARK(stream_eigen<EigenLstm<8>>)->Name("stream_eigen/H:8");
BENCHMARK(stream_eigen<EigenLstm<16>>)->Name("stream_eigen/H:16");
BENCHMARK(stream_eigen<EigenLstm<32>>)->Name("stream_eigen/H:32");
BENCHMARK(stream_eigen<EigenLstm<64>>)->Name("stream_eigen/H:64");
BENCHMARK(stream_eigen<EigenGru<8>>)->Name("stream_eigen_gru/H:8");
BENCHMARK(stream_eigen<EigenGru<16>>)->Name("stream_eigen_gru/H:16");
BENCHMARK(stream_eigen<EigenGru<32>>)->Name("stream_eigen_gru/H:32");
BENCHMARK(stream_eigen<EigenGru<64>>)->Name("stream_eigen_gru/H:64");

/// Layers that are limited by reading their weights.
bool large(const bench::StreamCase& which) { return which.hidden >= 128; }

/// Registers Rondo's cases.
void add_cases() {
  const auto add = [](const bench::StreamCase& which) {
    const std::string name = bench::name_of(which, which.gru ? "stream_rondo_gru" : "stream_rondo") +
                             (which.fast ? "/math:fast" : "/math:exact") + "/voices:" + std::to_string(which.voices) +
                             (large(which) ? "/weight_bits:" + std::to_string(which.weight_bits) : "");
    benchmark::RegisterBenchmark(name.c_str(), [which](benchmark::State& state) {
      bench::RondoStream stream(which);
      bench::measure(state, which, stream);
      if (!large(which)) return;
      const double weights = (which.gru ? 3.0 : 4.0) * which.hidden * which.hidden;
      state.counters["GB/s"] = {1e-9 * weights * which.weight_bits / 8, benchmark::Counter::kIsIterationInvariantRate};
    });
  };
  for (bool fast : {false, true})
    for (int H : bench::kHidden) {
      for (int L : {1, 2})
        for (int block : {1, 64, 256}) add({H, L, block, false, fast, 1});
      for (int voices : {2, 4, 8, 16})
        for (int block : {1, 256}) add({H, 1, block, false, fast, voices});
      for (int block : {1, 256}) add({H, 1, block, true, fast, 1});
    }
  for (int H : {128, 256, 512, 1024})
    for (bool gru : {false, true})
      for (int voices : {1, 4})
        for (int bits : {32, 16, 8}) add({H, 1, 1, gru, false, voices, bits});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--worst") return bench::print_worst_steps();
  add_cases();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
