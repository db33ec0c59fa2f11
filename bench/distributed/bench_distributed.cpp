// SPDX-License-Identifier: MIT
// What several processes cost and save: `mpirun -np N bench_distributed [--config small|medium] [--batch-size B]`. The
// modes of a training step take turns, so that they see the same machine; rank 0 prints medians in ms as JSON.
//
//   alone       no exchange: the step of a rank that trains by itself
//   exchange    only the exchange of gradients
//   blocking    exchange after backward
//   overlapped  exchange while backward computes lower layers
//   bf16        the same with half the bytes
//   local       weights averaged every 16 steps
//   accumulate  gradients of 4 batches per exchange
#include "options.hpp"

#include <rondo/cpu/threads.hpp>
#include <rondo/distributed/data_parallel.hpp>
#include <rondo/distributed/local_steps.hpp>
#include <rondo/distributed/mpi.hpp>
#include <rondo/rondo.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

struct Options {
  std::string config = "medium";
  int batch_size = 32, sequence_length = 64, rounds = 9, threads = 1;
  std::vector<std::string> modes = {"alone", "exchange", "blocking", "overlapped", "bf16", "local", "accumulate"};
};

constexpr rondo::Index kVocabulary = 388;
constexpr int kLocalSteps = 16, kAccumulate = 4;

class Bench {
 public:
  Bench(const Options& o, rondo::Communicator& ranks)
      : o_(o),
        ranks_(ranks),
        rng_(1),
        model_({.vocabulary = kVocabulary,
                .embedding = 256,
                .hidden = o.config == "small" ? 256 : 512,
                .layers = o.config == "small" ? 1 : 2,
                .dropout = 0.1},
               rng_),
        state_(model_.zero_state(o.batch_size)) {
    for (int n = 0; n < o.batch_size * o.sequence_length; ++n)
      tokens_.push_back(static_cast<std::int32_t>(rng_.below(static_cast<std::uint32_t>(kVocabulary))));
  }

  /// Medians of every mode, in ms per step.
  std::map<std::string, double> operator()() {
    std::map<std::string, std::vector<double>> times;
    for (int round = -1; round < o_.rounds; ++round)  // the first warms up
      for (const std::string& mode : o_.modes) {
        const double ms = time(mode);
        if (round >= 0) times[mode].push_back(ms);
      }
    std::map<std::string, double> medians;
    for (auto& [mode, all] : times) {
      std::ranges::nth_element(all, all.begin() + std::ssize(all) / 2);
      medians[mode] = all[all.size() / 2];
    }
    return medians;
  }

  rondo::Index parameters() const { return parameter_count(model_); }

 private:
  /// ms per step of one mode, which has what it needs only while it runs.
  double time(const std::string& mode) {
    if (mode == "alone") return steps(4, [&] { backward(rondo::NotifyNobody{}), update(); });
    if (mode == "local") {
      rondo::LocalSteps<float> local(model_, ranks_, {.every = kLocalSteps});
      return steps(kLocalSteps, [&] { backward(rondo::NotifyNobody{}), update(), local.after_step(model_); });
    }
    rondo::DataParallel<float> parallel(
        model_, ranks_, {.precision = mode == "bf16" ? rondo::Precision::bf16 : rondo::Precision::fp32});
    const auto exchange = [&](auto&& run) { parallel.begin(1), run(), parallel.finish(); };
    if (mode == "exchange") return steps(4, [&] { exchange([] {}); });
    if (mode == "blocking") return steps(4, [&] { exchange([&] { backward(rondo::NotifyNobody{}); }), update(); });
    if (mode == "accumulate")
      return steps(2,
                   [&] {
                     for (int part = 1; part < kAccumulate; ++part)
                       backward(rondo::NotifyNobody{}), parallel.accumulate(1);
                     exchange([&] { backward(parallel.when_ready()); });
                     update();
                   }) /
             kAccumulate;
    return steps(4, [&] { exchange([&] { backward(parallel.when_ready()); }), update(); });
  }

  template <class F>
  double steps(int count, F&& step) {
    gather_values(ranks_, 0);  // all begin together
    const auto start = std::chrono::steady_clock::now();
    for (int n = 0; n < count; ++n) step();
    const std::chrono::duration<double, std::milli> own = std::chrono::steady_clock::now() - start;
    return std::ranges::max(gather_values(ranks_, own.count())) / count;
  }

  template <class Ready>
  void backward(Ready&& ready) {
    rondo::zero_grad(model_);
    model_.forward_backward(tokens_, tokens_, o_.batch_size, o_.sequence_length, state_, cache_, rondo::Training{rng_},
                            ready);
  }

  void update() {
    rondo::clip_grad_norm(model_, 1);
    adam_.step(model_, 1e-3);
  }

  const Options& o_;
  rondo::Communicator& ranks_;
  rondo::Rng rng_;
  rondo::TokenModel<float> model_;
  rondo::TokenModel<float>::State state_;
  rondo::TokenModel<float>::Cache cache_;
  rondo::Adam adam_;
  std::vector<std::int32_t> tokens_;
};

}  // namespace

int main(int argc, char** argv) {
  Options o;
  CLI::App app{"bench_distributed: a training step of several processes"};
  app.option_defaults()->always_capture_default();
  app.add_option("--config", o.config, "network: that of the preset of piano train")
      ->check(CLI::IsMember({"small", "medium"}));
  app.add_option("--batch-size", o.batch_size, "sequences of each rank")->check(examples::integer_in("[1, 65536]"));
  app.add_option("--sequence-length", o.sequence_length, "tokens of each")->check(examples::integer_in("[1, 65536]"));
  app.add_option("--rounds", o.rounds, "rounds in which the modes take turns")
      ->check(examples::integer_in("[1, 1000]"));
  app.add_option("--modes", o.modes, "modes to run")->delimiter(',')->check(CLI::IsMember(o.modes));
  examples::add_threads_option(app, o.threads);
  CLI11_PARSE(app, argc, argv);
  rondo::set_num_threads(o.threads);
  rondo::MpiSession mpi;
  try {
    Bench bench(o, mpi.ranks());
    const auto medians = bench();
    if (mpi.ranks().rank() == 0)
      std::printf("%s\n", nlohmann::json{{"config", o.config},
                                         {"ranks", mpi.ranks().size()},
                                         {"batch_size", o.batch_size},
                                         {"sequence_length", o.sequence_length},
                                         {"parameters", bench.parameters()},
                                         {"ms_per_step", medians}}
                              .dump()
                              .c_str());
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "rank %d: %s\n", mpi.ranks().rank(), e.what());
    mpi.ranks().fail(e.what());
    return 1;
  }
}
