// SPDX-License-Identifier: MIT
#include "rondo/commands.hpp"
#include "rondo/describe.hpp"
#include "rondo/npy.hpp"
#include "rondo/stream_options.hpp"
#include "rondo/wav.hpp"

#include <rondo/cpu/threads.hpp>
#include <rondo/io/inference_model.hpp>
#include <rondo/io/streaming_model.hpp>

#include "options.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

namespace tool {

using rondo::Index;

namespace {

struct RunOptions {
  std::string model, input, output;
  int threads = rondo::max_threads();
  bool stream = false, use_double = false, json = false;
  StreamOptions of_stream;
};

bool is_wav(const std::string& path) { return path.ends_with(".wav") || path.ends_with(".WAV"); }

/// B sequences of T steps; values of (b, t) from (b * T + t) * C on.
struct Batch {
  Index batch = 1, time = 0, features = 1;
  bool batched = false;  // the file has a dimension for the batch
  std::vector<double> values;
};

/// The input file as sequences. Throws file_error for a shape that does not fit the model.
Batch to_batch(const std::string& file, Array array, const rondo::ModelDescription& model) {
  Batch batch;
  std::vector<Index> shape = array.shape;
  const bool one_token = model.takes_tokens() && model.input() == 1;
  if (one_token || (model.input() == 1 && shape.size() == 1)) shape.push_back(1);
  if (shape.size() != 2 && shape.size() != 3)
    throw rondo::file_error(file + ": is an array of " + std::to_string(array.shape.size()) +
                            " dimensions, wanted time x features or batch x time x features" +
                            (one_token ? " (without features for tokens)" : ""));
  batch.batched = shape.size() == 3;
  batch.features = shape.back();
  batch.time = shape[shape.size() - 2];
  if (batch.batched) batch.batch = shape[0];
  if (batch.features != model.input())
    throw rondo::file_error(file + ": has " + std::to_string(batch.features) + " features, the model wants " +
                            std::to_string(model.input()) + (model.takes_tokens() ? " ids per step" : ""));
  if (batch.time == 0 || batch.batch == 0) throw rondo::file_error(file + ": is empty");
  batch.values = std::move(array.values);
  return batch;
}

/// Outputs in the same order as the inputs, and the path of the recurrent modules.
struct Result {
  std::vector<double> values;
  std::string path;
  double seconds = 0;
};

template <class F>
double seconds_of(F&& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <class Scalar>
Result run_batch(const rondo::ModelDescription& model, const Batch& in) {
  const rondo::InferenceModel<Scalar> network(model);
  auto state = network.initial_state(in.batch);
  typename rondo::InferenceModel<Scalar>::Workspace work;
  const rondo::Sequence<Scalar>* y = nullptr;
  rondo::Sequence<Scalar> x;
  std::vector<std::int32_t> tokens;
  const auto at = [&](Index b, Index t, Index i) {
    return in.values[static_cast<std::size_t>((b * in.time + t) * in.features + i)];
  };
  if (network.takes_tokens()) {
    for (Index t = 0; t < in.time; ++t)
      for (Index b = 0; b < in.batch; ++b)
        for (Index i = 0; i < in.features; ++i) {
          const double id = at(b, t, i);
          if (id != std::floor(id) || std::abs(id) > 2e9)
            throw rondo::file_error("the input has values that are no tokens");
          tokens.push_back(static_cast<std::int32_t>(id));
        }
  } else {
    x.resize(in.features, in.batch, in.time);
    for (Index t = 0; t < in.time; ++t)
      for (Index b = 0; b < in.batch; ++b)
        for (Index i = 0; i < in.features; ++i) x.at(t)(i, b) = static_cast<Scalar>(at(b, t, i));
  }
  Result result{{}, network.path()};
  result.seconds = seconds_of([&] {
    y = network.takes_tokens() ? &network.forward(tokens, in.batch, in.time, state, work)
                               : &network.forward(x, state, work);
  });
  for (Index b = 0; b < in.batch; ++b)
    for (Index t = 0; t < in.time; ++t)
      for (Index k = 0; k < y->features(); ++k) result.values.push_back(static_cast<double>(y->at(t)(k, b)));
  return result;
}

template <class Scalar>
Result run_stream(const rondo::ModelDescription& model, const Batch& in, const rondo::StreamingOptions& options) {
  rondo::StreamingModel<Scalar> stream(model, options);
  const std::vector<Scalar> x(in.values.begin(), in.values.end());
  const auto C = static_cast<std::size_t>(in.features), K = static_cast<std::size_t>(stream.output()),
             T = static_cast<std::size_t>(in.time);
  std::vector<Scalar> y(static_cast<std::size_t>(in.batch) * T * K);
  Result result{{}, "stream"};
  result.seconds = seconds_of([&] {
    for (std::size_t b = 0; b < static_cast<std::size_t>(in.batch); ++b) {
      stream.reset();
      for (std::size_t t = b * T; t < (b + 1) * T; ++t) {
        const auto step = stream.step(std::span(x).subspan(t * C, C));
        std::copy(step.begin(), step.end(), y.begin() + static_cast<std::ptrdiff_t>(t * K));
      }
    }
  });
  result.values.assign(y.begin(), y.end());
  return result;
}

void run(const RunOptions& options) {
  rondo::set_num_threads(options.threads);
  const rondo::ModelDescription model = read_tested(options.model);
  if (options.stream && !model.streams())
    throw rondo::error(options.model + ": a bidirectional model, or one of tokens, does not run as a stream");

  Array array;
  std::optional<int> sample_rate;
  if (is_wav(options.input)) {
    const Sound sound = read_wav(options.input);
    sample_rate = sound.sample_rate;
    array = {{static_cast<Index>(sound.samples.size()), 1}, sound.samples};
    if (model.sample_rate > 0 && model.sample_rate != sound.sample_rate)
      std::fprintf(stderr, "rondo: %s: warning: the sample rate is %d Hz, the model is for %g Hz\n",
                   options.input.c_str(), sound.sample_rate, model.sample_rate);
  } else {
    array = read_npy(options.input);
  }
  const bool use_double = options.use_double || (array.is_double && !array.is_integer);
  const Batch in = to_batch(options.input, std::move(array), model);
  const auto compute = [&]<class Scalar>(Scalar) {
    return options.stream ? run_stream<Scalar>(model, in, options.of_stream.options()) : run_batch<Scalar>(model, in);
  };
  Result result = use_double ? compute(double{}) : compute(float{});

  if (is_wav(options.output)) {
    if (model.output() != 1 || in.batch != 1)
      throw rondo::file_error(options.output + ": a sound file has one channel, the result " +
                              std::to_string(model.output() * in.batch));
    write_wav(
        options.output,
        {result.values, sample_rate.value_or(model.sample_rate > 0 ? static_cast<int>(model.sample_rate) : 48000)});
  } else {
    Array out{{in.time, model.output()}, std::move(result.values), use_double};
    if (in.batched) out.shape.insert(out.shape.begin(), in.batch);
    write_npy(options.output, out);
  }
  if (options.json) {
    nlohmann::json report = summary(model, result.path);
    report["seconds"] = result.seconds;
    report["steps"] = in.time, report["batch"] = in.batch;
    std::cout << report.dump(2) << "\n";
  } else {
    std::printf("%s: %lld x %lld steps in %.3g s (%s)\n", options.output.c_str(), static_cast<long long>(in.batch),
                static_cast<long long>(in.time), result.seconds, result.path.c_str());
  }
}

}  // namespace

void add_run(CLI::App& app) {
  auto* command = app.add_subcommand("run", "Computes the outputs of a model for a file of inputs");
  const auto options = std::make_shared<RunOptions>();
  command->add_option("model", options->model, "model file, or folder of `piano train`")->required();
  command
      ->add_option(
          "--input", options->input,
          ".npy (time x features, or batch x time x features; tokens without features, or several ids per step "
          "instead of features, -1 for none) or .wav (mono)")
      ->required();
  command->add_option("--output", options->output, ".npy or .wav")->required();
  auto* stream = command->add_flag("--stream", options->stream, "step by step, as in an audio callback");
  for (auto* option : add_stream_options(*command, options->of_stream)) option->needs(stream);
  command->add_flag("--double", options->use_double, "compute in double; the default for .npy files of float64");
  examples::add_threads_option(*command, options->threads);
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options] { run(*options); });
}

}  // namespace tool
