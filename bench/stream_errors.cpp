// SPDX-License-Identifier: MIT
// The errors of a stream's functions and weights on models of files: difference to the same stream in double, over a
// minute of a synthetic guitar at 48 kHz. Usage: stream_errors MODEL...; prints a table in Markdown, whose cells are
// the largest difference, its RMS, and that relative to the RMS of the output. RONDO_CPU_LEVEL selects the level.
#include <rondo/core/random.hpp>
#include <rondo/cpu/level.hpp>
#include <rondo/io/read_model.hpp>
#include <rondo/io/streaming_model.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <span>
#include <vector>

namespace {

/// Plucked strings (Karplus and Strong 1983): noise in a delay line with a low-pass filter. A note every 0.4 s, between
/// E2 and E5, soft and loud.
std::vector<float> guitar(std::size_t samples) {
  rondo::Rng rng(1);
  std::vector<float> x(samples), line;
  std::size_t at = 0;
  for (std::size_t n = 0; n < samples; ++n) {
    if (n % 19200 == 0) {
      const double frequency = 82.4 * std::exp2(rng.below(37) / 12.0), loudness = 0.1 + 0.8 * rng.uniform();
      line.assign(static_cast<std::size_t>(48000 / frequency), 0.0f);
      for (float& value : line) value = static_cast<float>(loudness * (2 * rng.uniform() - 1));
      at = 0;
    }
    x[n] = line[at];
    const std::size_t next = (at + 1) % line.size();
    line[at] = 0.498f * (line[at] + line[next]);
    at = next;
  }
  return x;
}

template <class Scalar>
std::vector<Scalar> run(const rondo::ModelDescription& model, std::span<const float> x,
                        const rondo::StreamingOptions& options) {
  rondo::StreamingModel<Scalar> stream(model, options);
  const std::vector<Scalar> in(x.begin(), x.end());
  std::vector<Scalar> y(x.size());
  stream.process(in, y);
  return y;
}

void print_errors(const char* file, std::span<const float> x) {
  using rondo::Math, rondo::WeightPrecision;
  const rondo::ModelDescription model = rondo::read_model(file);
  const std::vector<double> wanted = run<double>(model, x, {});
  double power = 0;
  for (double y : wanted) power += y * y;
  std::printf("| %s |", std::filesystem::path(file).filename().string().c_str());
  for (const rondo::StreamingOptions& options : {rondo::StreamingOptions{}, rondo::StreamingOptions{.math = Math::fast},
                                                 rondo::StreamingOptions{.precision = WeightPrecision::bf16},
                                                 rondo::StreamingOptions{.precision = WeightPrecision::int8}}) {
    const std::vector<float> y = run<float>(model, x, options);
    double largest = 0, sum = 0;
    for (std::size_t n = 0; n < y.size(); ++n) {
      const double error = static_cast<double>(y[n]) - wanted[n];
      largest = std::max(largest, std::abs(error)), sum += error * error;
    }
    std::printf(" %.1e, %.1e (%.0f dB) |", largest, std::sqrt(sum / static_cast<double>(y.size())),
                10 * std::log10(sum / power));
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<float> x = guitar(60 * 48000);
    std::printf("%s\n\n| model | exact | fast | bf16 | int8 |\n|---|---|---|---|---|\n", name(rondo::cpu_level()));
    for (int n = 1; n < argc; ++n) print_errors(argv[n], x);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "stream_errors: %s\n", e.what());
    return 1;
  }
  return 0;
}
