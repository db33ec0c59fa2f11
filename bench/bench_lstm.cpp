// SPDX-License-Identifier: MIT
// The LSTM's speed on this machine, and the machine's own peak beside it:
//
//   bench_lstm --benchmark_filter=lstm_inference/T:100/B:1/      see --help for the flags of Google Benchmark
//
// A benchmark is called operation/T:../B:../C:../H:../L:../threads:N, where N counts Rondo's own threads. Counters:
// GFLOP/s (operations as in shape.hpp), us_per_step (of one time step of the whole batch), tokens/s (B * T in a call).
// bench/run.sh runs it side by side with other libraries.
#include "lstm_operations.hpp"
#include "machine_peak.hpp"
#include "measure.hpp"

#include <rondo/cpu/level.hpp>
#include <rondo/cpu/threads.hpp>

#include <string>
#include <vector>

namespace {

using bench::Shape;

struct Operation {
  const char* name;
  void (*run)(benchmark::State&, const Shape&);
  std::vector<Shape> shapes;
  benchmark::TimeUnit unit = benchmark::kMillisecond;
};

void add_operations() {
  const std::vector<Operation> operations{
      {"lstm_inference", bench::lstm_inference, bench::sequence_shapes()},
      {"lstm_forward_backward", bench::lstm_forward_backward, bench::sequence_shapes()},
      {"lstm_step", bench::lstm_step, bench::step_shapes(), benchmark::kMicrosecond},
      {"training_step", bench::training_step, bench::training_shapes()},
  };
  for (const Operation& operation : operations)
    for (const Shape& shape : operation.shapes)
      bench::add(shape.name(operation.name), operation.unit, [=, run = operation.run](benchmark::State& state) {
        if (rondo::set_threads(shape.threads) == shape.threads) {
          run(state, shape);
        } else {
          state.SkipWithError("this program or this machine has not so many threads");
        }
      });
}

}  // namespace

int main(int argc, char** argv) {
  bench::add_context();
  benchmark::AddCustomContext("cpu_level", rondo::name(rondo::cpu_level()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  bench::add_machine_peaks();
  add_operations();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
