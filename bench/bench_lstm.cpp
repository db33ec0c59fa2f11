// SPDX-License-Identifier: MIT
// The LSTM's speed on this machine, and the machine's own peak beside it:
//
//   bench_lstm --benchmark_filter=lstm_inference/T:100/B:1/      see --help for the flags of Google Benchmark
//
// A benchmark is called operation/T:../B:../C:../H:../L:../threads:N, where N counts Rondo's own threads; _bf16 behind
// the operation means products of bfloat16 factors (rondo::Precision). Counters: GFLOP/s (operations as in shape.hpp),
// us_per_step (of one time step of the whole batch), tokens/s (B * T in a call).
// bench/run.sh runs it side by side with other libraries.
#include "lstm_operations.hpp"
#include "machine_peak.hpp"
#include "measure.hpp"

#include <rondo/cpu/level.hpp>
#include <rondo/cpu/threads.hpp>

#include <string>
#include <vector>

namespace {

using bench::Precision, bench::Shape;

struct Operation {
  const char* name;
  void (*run)(benchmark::State&, const Shape&, Precision);
  std::vector<Shape> shapes;
  Precision precision = Precision::fp32;
  benchmark::TimeUnit unit = benchmark::kMillisecond;
};

void add_operations() {
  using namespace bench;
  const std::vector<Operation> operations{
      {"lstm_inference", lstm_inference, sequence_shapes()},
      {"lstm_inference_bf16", lstm_inference, compared_shapes(), Precision::bf16},
      {"lstm_forward_backward", lstm_forward_backward, sequence_shapes()},
      {"lstm_forward_backward_bf16", lstm_forward_backward, compared_shapes(), Precision::bf16},
      {"lstm_step", lstm_step, step_shapes(), Precision::fp32, benchmark::kMicrosecond},
      {"training_step", training_step, training_shapes()},
      {"training_step_bf16", training_step, training_shapes(), Precision::bf16},
  };
  for (const Operation& operation : operations)
    for (const Shape& shape : operation.shapes)
      bench::add(shape.name(operation.name), operation.unit,
                 [shape, run = operation.run, precision = operation.precision](benchmark::State& state) {
                   if (rondo::set_threads(shape.threads) == shape.threads) {
                     run(state, shape, precision);
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
