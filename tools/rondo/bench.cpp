// SPDX-License-Identifier: MIT
#include "rondo/commands.hpp"
#include "rondo/describe.hpp"
#include "rondo/stream_options.hpp"

#include <rondo/core/random.hpp>
#include <rondo/cpu/threads.hpp>
#include <rondo/io/inference_model.hpp>
#include <rondo/io/streaming_model.hpp>
#include <rondo/layers/initialise.hpp>

#include "options.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace tool {

using rondo::Index;

namespace {

struct BenchOptions {
  std::string model;
  int steps = 1000000, batch_size = 32, time = 100, threads = 1;
  bool json = false;
  StreamOptions stream;
};

using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

/// Times of single steps of a stream, in microseconds. The clock itself takes about 0.03.
nlohmann::json bench_stream(const rondo::ModelDescription& model, const StreamOptions& options, int steps) {
  rondo::StreamingModel<float> stream(model, options.options());
  rondo::Rng rng(1);
  std::vector<float> x(static_cast<std::size_t>(model.input()) * 1024);
  for (float& value : x) value = static_cast<float>(0.1 * rng.normal());
  const auto C = static_cast<std::size_t>(model.input());
  const auto step = [&](int n) {
    return stream.step(std::span(x).subspan(static_cast<std::size_t>(n % 1024) * C, C))[0];
  };
  volatile float used = 0;  // keeps the compiler from removing the steps
  for (int n = 0; n < 10000; ++n) used = step(n);

  std::vector<float> times;
  times.reserve(static_cast<std::size_t>(steps));
  for (int n = 0; n < steps; ++n) {
    const auto start = Clock::now();
    used = step(n);
    times.push_back(static_cast<float>(microseconds_since(start)));
  }
  const auto start = Clock::now();
  for (int n = 0; n < steps; ++n) used = step(n);
  const double mean = microseconds_since(start) / steps;
  (void)used;
  std::ranges::sort(times);
  const auto quantile = [&](double q) {
    return times[static_cast<std::size_t>(q * static_cast<double>(times.size() - 1))];
  };
  return {{"steps", steps},
          {"math", options.math},
          {"precision", options.precision},
          {"mean_us", mean},
          {"median_us", quantile(0.5)},
          {"p99_us", quantile(0.99)},
          {"p99_9_us", quantile(0.999)},
          {"worst_us", times.back()}};
}

/// Time of one step of a batch in microseconds, the best of several passes.
double bench_batch(const rondo::ModelDescription& model, Index B, Index T) {
  const rondo::InferenceModel<float> network(model);
  rondo::InferenceModel<float>::Workspace work;
  rondo::Rng rng(1);
  rondo::Sequence<float> x(model.input(), B, T);
  rondo::initialise_normal(x.flat(), 0.1, rng);
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(B * T * model.input()), 0);
  double best = 1e30, total = 0;
  for (int pass = 0; pass < 5 || (total < 5e5 && pass < 1000); ++pass) {
    auto state = network.initial_state(B);
    const auto start = Clock::now();
    if (network.takes_tokens())
      network.forward(tokens, B, T, state, work);
    else
      network.forward(x, state, work);
    const double time = microseconds_since(start);
    best = std::min(best, time), total += time;
  }
  return best / static_cast<double>(T);
}

void bench(const BenchOptions& options) {
  rondo::set_num_threads(options.threads);
  const rondo::ModelDescription model = read_tested(options.model);
  nlohmann::json report = summary(model, rondo::InferenceModel<float>(model).path());
  const double per_step = bench_batch(model, options.batch_size, options.time);
  report["batch"] = {{"batch_size", options.batch_size},
                     {"time", options.time},
                     {"threads", options.threads},
                     {"us_per_step", per_step}};
  if (model.streams()) {
    report["stream"] = bench_stream(model, options.stream, options.steps);
    if (model.input() == 1 && model.output() == 1)  // a sample per step
      report["stream"]["times_real_time_at_48kHz"] = 1e6 / 48000 / report["stream"]["mean_us"].get<double>();
  }
  if (options.json) {
    std::cout << report.dump(2) << "\n";
    return;
  }
  std::printf("batch of %d: %.3g us per step (%s, %d thread%s)\n", options.batch_size, per_step,
              report["path"].get<std::string>().c_str(), options.threads, options.threads == 1 ? "" : "s");
  if (!model.streams()) return;
  const auto& stream = report["stream"];
  const auto us = [&](const char* key) { return stream[key].get<double>(); };
  std::printf(
      "stream (%s, %s): %.3g us per step; of %d single steps the median took %.3g, 99.9 %% at most %.3g, the worst "
      "%.3g\n",
      options.stream.math.c_str(), options.stream.precision.c_str(), us("mean_us"), options.steps, us("median_us"),
      us("p99_9_us"), us("worst_us"));
  if (stream.contains("times_real_time_at_48kHz"))
    std::printf("%.3g times real time at 48 kHz\n", us("times_real_time_at_48kHz"));
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* command = app.add_subcommand("bench", "Measures a model: time per step, in a batch and as a stream");
  const auto options = std::make_shared<BenchOptions>();
  command->add_option("model", options->model, "model file, or folder of `piano train`")->required();
  command->add_option("--steps", options->steps, "steps of the stream")->check(examples::integer_in("[1, 100000000]"));
  command->add_option("--batch-size", options->batch_size, "sequences in a batch")
      ->check(examples::integer_in("[1, 100000]"));
  command->add_option("--time", options->time, "steps of the batch")->check(examples::integer_in("[1, 100000]"));
  add_stream_options(*command, options->stream);
  examples::add_threads_option(*command, options->threads);
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options] { bench(*options); });
}

}  // namespace tool
