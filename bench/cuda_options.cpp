// SPDX-License-Identifier: MIT
#include "cuda_options.hpp"

#include <array>
#include <charconv>
#include <functional>
#include <random>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace bench {

using rondo::Precision;
using rondo::cuda::RecurrentAlgorithm;

const char kCudaUsage[] =
    R"(bench_cuda: the LSTM's algorithms on this GPU, each compared with the stepwise one in fp32 before it is timed.
  --quick             fewer shapes, precisions and runs
  --shapes S,S...     such as 1024x16x768 (T x B x H) or 1024x16x512x3 (3 layers); inputs are as many as hidden
                      units
  --algorithms A,A... of stepwise, graph, grid_persistent, cluster_persistent, dataflow_persistent, automatic (all
                      but the last)
  --precisions P,P... of bf16, fp16, fp32, tf32 (all)
  --filter TEXT       only configurations whose names contain TEXT: bf16/cluster_persistent/T:1024/B:16/H:768/L:1
  --check             compare only, without timing
  --json FILE         append a line of JSON for each configuration
  --choices FILE      write what automatic chose, for cuda::load_algorithm_records
  --seconds N         start no new configuration after N seconds
  --timeout N         end with status 1 if one configuration takes N seconds (60; 0: no limit)
  --seed N            of weights and inputs (default: random, printed in the first line)
Exit status: 0; 1 if a result is wrong or a call failed; 2 for an invalid command line.
)";

namespace {

constexpr std::array kAlgorithms{RecurrentAlgorithm::stepwise,
                                 RecurrentAlgorithm::graph,
                                 RecurrentAlgorithm::grid_persistent,
                                 RecurrentAlgorithm::cluster_persistent,
                                 RecurrentAlgorithm::dataflow_persistent,
                                 RecurrentAlgorithm::automatic};
constexpr std::array kPrecisions{Precision::bf16, Precision::fp16, Precision::fp32, Precision::tf32};
constexpr Index kTime = 1024;

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (std::size_t end; (end = text.find(by)) != text.npos; text.remove_prefix(end + 1))
    parts.push_back(text.substr(0, end));
  parts.push_back(text);
  return parts;
}

template <class Number>
Number number(std::string_view text, std::string_view what, Number least) {
  Number value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size() || value < least)
    throw std::invalid_argument(std::string(what) + " is '" + std::string(text) + "'");
  return value;
}

Shape shape_of(std::string_view text) {
  const auto parts = split(text, 'x');
  if (parts.size() < 3 || parts.size() > 4)
    throw std::invalid_argument("a shape is '" + std::string(text) + "', wanted TxBxH or TxBxHxL");
  const auto at = [&](std::size_t i, Index least) { return number<Index>(parts[i], "a dimension of a shape", least); };
  const Index H = at(2, 1), L = parts.size() > 3 ? at(3, 1) : 1;
  return {at(0, 1), at(1, 1), H, H, L};
}

/// The choices named in `text`.
template <class Choices>
auto named(std::string_view text, const Choices& choices, std::string_view what) {
  std::vector<typename Choices::value_type> found;
  for (const auto part : split(text, ',')) {
    const std::size_t before = found.size();
    for (const auto choice : choices)
      if (name(choice) == part) found.push_back(choice);
    if (found.size() == before)
      throw std::invalid_argument("there is no " + std::string(what) + " '" + std::string(part) + "'");
  }
  return found;
}

Shape one_layer(Index B, Index H) { return {kTime, B, H, H, 1}; }

/// The most important shapes come first, since a time limit may end the run.
std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes;
  for (const Index H : {768, 512, 1024, 256})
    for (const Index B : {16, 64, 1}) shapes.push_back(one_layer(B, H));
  shapes.push_back({kTime, 16, 512, 512, 3});
  shapes.push_back({kTime, 64, 256, 256, 2});
  for (const Index H : {128, 64})
    for (const Index B : {16, 64, 1}) shapes.push_back(one_layer(B, H));
  for (const auto& [T, B, H] : {std::array<Index, 3>{150, 16, 256},
                                {25, 32, 512},
                                {25, 128, 512},
                                {25, 16, 1024},
                                {25, 128, 1024},
                                {50, 32, 1536},
                                {25, 128, 2048},
                                {25, 128, 4096}})  // DeepBench's
    shapes.push_back({T, B, H, H, 1});
  return shapes;
}

void make_quick(CudaOptions& options) {
  options.shapes = {one_layer(16, 768), one_layer(16, 256), one_layer(64, 1024), one_layer(1, 512)};
  options.precisions = {Precision::bf16, Precision::fp16, Precision::fp32};
  options.plan = {.warm_up = 2, .min_runs = 5, .max_runs = 30, .seconds = 0.05};
}

}  // namespace

CudaOptions parse_cuda_options(int argc, char** argv) {
  CudaOptions o;
  o.shapes = all_shapes();
  o.algorithms.assign(kAlgorithms.begin(), kAlgorithms.end() - 1);
  o.precisions.assign(kPrecisions.begin(), kPrecisions.end());
  o.seed = std::random_device{}();

  using Take = std::function<void(std::string_view)>;
  const std::vector<std::pair<std::string_view, std::function<void()>>> flags{
      {"--quick", [&] { make_quick(o); }}, {"--check", [&] { o.check_only = true; }}};
  const std::vector<std::pair<std::string_view, Take>> values{
      {"--shapes",
       [&](auto text) {
         o.shapes.clear();
         for (const auto part : split(text, ',')) o.shapes.push_back(shape_of(part));
       }},
      {"--algorithms", [&](auto text) { o.algorithms = named(text, kAlgorithms, "algorithm"); }},
      {"--precisions", [&](auto text) { o.precisions = named(text, kPrecisions, "precision"); }},
      {"--filter", [&](auto text) { o.filter = text; }},
      {"--json", [&](auto text) { o.json = text; }},
      {"--choices", [&](auto text) { o.choices = text; }},
      {"--seconds", [&](auto text) { o.seconds = number<double>(text, "--seconds", 0); }},
      {"--timeout", [&](auto text) { o.timeout = number<double>(text, "--timeout", 0); }},
      {"--seed", [&](auto text) { o.seed = number<std::uint64_t>(text, "--seed", 0); }}};

  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    bool known = false;
    for (const auto& [flag, set] : flags)
      if (flag == argument) set(), known = true;
    for (const auto& [option, take] : values)
      if (option == argument) {
        if (++i == argc) throw std::invalid_argument(std::string(argument) + " requires a value");
        take(argv[i]), known = true;
      }
    if (!known) throw std::invalid_argument("unknown option " + std::string(argument));
  }
  return o;
}

}  // namespace bench
