// SPDX-License-Identifier: MIT
// Measures the algorithms of the CUDA backend on this GPU, in µs per time step: a training forward pass, which saves
// the activations for backward, and a forward and backward pass to dx and all gradients. Both include the input
// products. Before a configuration is timed, its results are compared with those of the stepwise algorithm in fp32,
// with buffers filled with NaN. See --help; tests/run_gpu.sh runs it, bench/compare/cuda_report.py makes tables of its
// JSON.
#include "cuda_case.hpp"
#include "cuda_lower_bound.hpp"
#include "cuda_options.hpp"

#include <rondo/cuda.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <mutex>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace bench;
using rondo::cuda::Context;
using rondo::cuda::RecurrentAlgorithm;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// One line of JSON, `{"key": value, ...}`.
class JsonLine {
 public:
  void add(std::string_view key, std::string_view text) {
    begin(key) << '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out_ << '\\';
      out_ << (static_cast<unsigned char>(c) < ' ' ? ' ' : c);
    }
    out_ << '"';
  }
  void add(std::string_view key, const char* text) { add(key, std::string_view(text)); }
  void add(std::string_view key, double value) {
    std::ostream& out = begin(key);
    if (std::isfinite(value))
      out << value;
    else
      out << "null";
  }
  std::string text() const { return out_.str() + "}"; }

 private:
  std::ostream& begin(std::string_view key) {
    out_ << (out_.view().empty() ? "{" : ", ") << '"' << key << "\": ";
    return out_;
  }
  std::ostringstream out_;
};

struct Row {
  Shape shape;
  Precision precision;
  RecurrentAlgorithm algorithm, ran_forward = RecurrentAlgorithm::stepwise, ran_backward = RecurrentAlgorithm::stepwise;
  double forward = 0, forward_min = 0, backward = 0, both = 0, both_min = 0;  // seconds per call; 0: not timed
  double lower_bound_forward = 0, lower_bound_both = 0;                       // seconds per step
  Difference forward_error{}, backward_error{};
  std::string status = "ok";  // or "does not fit", "WRONG: ...", "FAILED: ..."

  std::string name() const {
    const Shape& s = shape;
    return rondo::detail::concat(rondo::name(precision), '/', rondo::cuda::name(algorithm), "/T:", s.T, "/B:", s.B,
                                 "/H:", s.H, "/L:", s.L);
  }
  bool bad() const { return status != "ok" && status != "does not fit"; }
  double us(double seconds) const { return seconds * 1e6 / static_cast<double>(shape.T); }
  double tflops(double seconds, double forwards) const {
    return seconds > 0 ? forwards * shape.forward_gflop() / seconds * 1e-3 : 0;
  }

  std::string json() const {
    const Shape& s = shape;
    JsonLine line;
    line.add("side", "rondo"), line.add("precision", rondo::name(precision));
    line.add("algorithm", rondo::cuda::name(algorithm));
    for (const auto& [key, value] : {std::pair{"T", s.T}, {"B", s.B}, {"C", s.C}, {"H", s.H}, {"L", s.L}})
      line.add(key, static_cast<double>(value));
    line.add("status", status);
    line.add("ran_forward", rondo::cuda::name(ran_forward)), line.add("ran_backward", rondo::cuda::name(ran_backward));
    const auto add_time = [&](const char* key, double seconds) {
      if (seconds > 0) line.add(key, us(seconds));
    };
    add_time("forward_us", forward), add_time("forward_us_min", forward_min);
    add_time("backward_us", backward);
    add_time("forward_backward_us", both), add_time("forward_backward_us_min", both_min);
    line.add("forward_tflops", tflops(forward, 1)), line.add("forward_backward_tflops", tflops(both, 3));
    line.add("forward_lower_bound_us", lower_bound_forward * 1e6),
        line.add("forward_backward_lower_bound_us", lower_bound_both * 1e6);
    line.add("forward_error", forward_error.error), line.add("backward_error", backward_error.error);
    return line.text();
  }

  static std::string table_header() {
    char lines[300];
    std::snprintf(lines, sizeof lines, "%-26s %25s  %25s   %s\n%-26s %10s %7s %7s  %10s %7s %7s   %s", "", "forward",
                  "forward + backward", "error of", "", "µs/step", "TFLOP/s", "bound", "µs/step", "TFLOP/s", "bound",
                  "forward backward");  // µ has two bytes
    return lines;
  }

  std::string table_line() const {
    if (status != "ok") return rondo::detail::concat(name(), ": ", status);
    if (forward == 0)
      return rondo::detail::concat(name(), ": ok, errors ", forward_error.error, " and ", backward_error.error);
    char line[200];
    std::snprintf(line, sizeof line, "%-7s %-18s %9.3f %7.2f %7.2f  %9.3f %7.2f %7.2f   %.1e %.1e%s",
                  rondo::name(precision), rondo::cuda::name(algorithm), us(forward), tflops(forward, 1),
                  lower_bound_forward * 1e6, us(both), tflops(both, 3), lower_bound_both * 1e6, forward_error.error,
                  backward_error.error,
                  ran_forward == ran_backward ? ""
                  : ran_forward == algorithm  ? "  (only forward fits)"
                                              : "  (only backward fits)");
    return line;
  }
};

/// Output: a table on the terminal, JSON in a file, one flushed line per configuration.
class Report {
 public:
  explicit Report(const std::string& json) {
    if (json.empty()) return;
    json_.open(json, std::ios::app);
    if (!json_) throw std::runtime_error("cannot write to " + json);
  }
  void print(const std::string& line) { std::cout << line << std::endl; }
  void json(const std::string& line) {
    if (json_.is_open()) json_ << line << std::endl;
  }
  void add(const Row& row) { print(row.table_line()), json(row.json()); }

 private:
  std::ofstream json_;
};

/// Ends the process if a configuration hangs: kernels that wait for each other on the GPU cannot be interrupted.
class Watchdog {
 public:
  Watchdog(double timeout, Report& report) : timeout_(timeout) {
    if (timeout > 0) thread_ = std::jthread([this, &report](std::stop_token stop) { watch(stop, report); });
  }
  /// Starts the time limit of this configuration.
  void expect(const Row& row) {
    Row late = row;
    late.status = rondo::detail::concat("FAILED: no result after ", timeout_, " s");
    const std::lock_guard lock(mutex_);
    late_ = late, since_ = Clock::now();
  }
  void rest() {
    const std::lock_guard lock(mutex_);
    late_.reset();
  }

 private:
  void watch(std::stop_token stop, Report& report) {
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      const std::lock_guard lock(mutex_);
      if (!late_ || seconds_since(since_) < timeout_) continue;
      report.add(*late_);
      std::_Exit(1);
    }
  }

  double timeout_;
  std::mutex mutex_;
  std::optional<Row> late_;
  Clock::time_point since_;
  std::jthread thread_;  // last member: the thread uses the others
};

/// The first tensor whose error exceeds the tolerance, as a status; empty if there is none.
std::string find_wrong_tensor(const Row& row) {
  for (const bool backward : {false, true}) {
    const auto& [error, tensor] = backward ? row.backward_error : row.forward_error;
    const double allowed = tolerance(row.precision, row.shape.H, backward);
    if (!(error <= allowed))
      return rondo::detail::concat("WRONG: ", tensor, " is off by ", error, ", allowed ", allowed);
  }
  return {};
}

void measure(Context& context, CudaLstm& lstm, const Outputs& exact, const CudaOptions& options, Row& row) {
  context.set_recurrent_algorithm(row.algorithm);
  lstm.forward();
  row.ran_forward = context.last_algorithm();
  lstm.backward();
  row.ran_backward = context.last_algorithm();
  context.synchronize();
  if (row.algorithm != RecurrentAlgorithm::automatic && row.ran_forward != row.algorithm &&
      row.ran_backward != row.algorithm) {
    row.status = "does not fit";
    return;
  }
  const Outputs got = lstm.outputs();
  row.forward_error = largest_difference(got.forward, exact.forward);
  row.backward_error = largest_difference(got.backward, exact.backward);
  if (std::string wrong = find_wrong_tensor(row); !wrong.empty()) {
    row.status = wrong;
    return;
  }
  const auto bound = [&](RecurrentAlgorithm ran, bool backward) {
    return lower_bound_seconds(context.device(), row.shape, row.precision, ran, backward);
  };
  row.lower_bound_forward = bound(row.ran_forward, false);
  row.lower_bound_both = row.lower_bound_forward + bound(row.ran_backward, true);
  if (options.check_only) return;
  const std::function<void()> parts[] = {[&] { lstm.forward(); }, [&] { lstm.backward(); }};
  const auto alone = time_parts(context, options.plan, std::span(parts, 1));
  row.forward = alone.back().median, row.forward_min = alone.back().min;
  const auto pair = time_parts(context, options.plan, parts);
  row.backward = pair[1].median, row.both = pair[2].median, row.both_min = pair[2].min;
}

/// Returns the number of failed configurations.
int run(const CudaOptions& options, Context& context, Report& report) {
  const auto start = Clock::now();
  const auto time_is_up = [&] { return options.seconds > 0 && seconds_since(start) > options.seconds; };
  Watchdog watchdog(options.timeout, report);
  int ran = 0, bad = 0;
  for (const Shape& s : options.shapes) {
    std::vector<Row> rows;
    for (const Precision precision : options.precisions)
      for (const RecurrentAlgorithm algorithm : options.algorithms)
        if (Row row{.shape = s, .precision = precision, .algorithm = algorithm};
            row.name().find(options.filter) != std::string::npos)
          rows.push_back(row);
    if (rows.empty()) continue;
    if (time_is_up()) {
      report.print("time limit reached: the remaining shapes are skipped");
      break;
    }
    report.print(rondo::detail::concat("\nT ", s.T, ", B ", s.B, ", H ", s.H, " (C = H), L ", s.L));
    if (!options.check_only) report.print(Row::table_header());
    const Inputs inputs(s, options.seed + static_cast<std::uint64_t>(s.T * s.B + s.H));
    watchdog.expect(rows.front());
    context.set_recurrent_algorithm(RecurrentAlgorithm::stepwise);
    const Outputs exact = CudaLstm(inputs, Precision::fp32).outputs();
    std::optional<CudaLstm> lstm;
    for (std::size_t i = 0; i < rows.size() && !time_is_up(); ++i) {
      Row& row = rows[i];
      watchdog.expect(row);
      try {
        if (i == 0 || rows[i - 1].precision != row.precision) lstm.emplace(inputs, row.precision);
        measure(context, *lstm, exact, options, row);
      } catch (const std::exception& e) {
        row.status = std::string("FAILED: ") + e.what();
      }
      report.add(row);
      ++ran, bad += row.bad();
      if (row.bad()) context.synchronize();  // throws if the GPU's context is no longer usable
    }
    watchdog.rest();
  }
  if (!options.choices.empty()) rondo::cuda::save_algorithm_records(options.choices);
  report.print(rondo::detail::concat("\n", ran, " configurations, ", bad, " bad"));
  if (ran == 0) throw std::invalid_argument("no configuration matches '" + options.filter + "'");
  return bad;
}

void introduce(const CudaOptions& options, const rondo::cuda::DeviceInfo& device, Report& report) {
  report.print(rondo::detail::concat(device.name, ", sm_", device.major, device.minor, ", ", device.multiprocessors,
                                     " multiprocessors, driver ", device.driver, ", CUDA runtime ", device.runtime,
                                     "; seed ", options.seed));
  JsonLine line;
  line.add("side", "device"), line.add("device", device.name);
  line.add("major", device.major), line.add("minor", device.minor), line.add("multiprocessors", device.multiprocessors);
  line.add("driver", device.driver), line.add("runtime", device.runtime), line.add("rondo", RONDO_BENCH_VERSION);
  line.add("seed", std::to_string(options.seed));
  report.json(line.text());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 2 && std::string_view(argv[1]) == "--help") {
      std::cout << kCudaUsage;
      return 0;
    }
    const CudaOptions options = parse_cuda_options(argc, argv);
    Report report(options.json);
    Context& context = Context::current();
    introduce(options, context.device(), report);
    return run(options, context, report) == 0 ? 0 : 1;
  } catch (const std::invalid_argument& e) {
    std::cerr << "bench_cuda: " << e.what() << " (see --help)\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "bench_cuda: " << e.what() << '\n';
    return 1;
  }
}
