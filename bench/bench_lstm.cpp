// SPDX-License-Identifier: MIT
// The speed of the LSTM, its variants and the GRU on this machine, and the machine's peak rates:
//
//   bench_lstm --benchmark_filter=lstm_inference/T:100/B:1/      see --help for the flags of Google Benchmark
//
// A benchmark is called operation/T:../B:../C:../H:../L:../threads:N, where N is the number of Rondo's threads. The
// suffix _bf16 means products with bfloat16 operands (rondo::Precision); with a projection P follows H. Counters:
// GFLOP/s (operations as in shape.hpp), us_per_step (per time step of the whole batch), tokens/s (B * T per call).
// bench/run.sh runs it side by side with other libraries.
#include "lstm_operations.hpp"
#include "machine_peak.hpp"
#include "measure.hpp"

#include <rondo/cpu/level.hpp>
#include <rondo/cpu/threads.hpp>
#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>
#include <rondo/math/cells/lstm_variants.hpp>

#include <string>
#include <vector>

namespace {

using bench::Precision, bench::RecurrentConfig, bench::Shape;

struct Operation {
  std::string name;
  void (*run)(benchmark::State&, const Shape&, const RecurrentConfig&);
  std::vector<Shape> shapes;
  RecurrentConfig options = {};
  benchmark::TimeUnit unit = benchmark::kMillisecond;
};

/// Inference, and forward with backward: in fp32 at `shapes`, in bf16 at `bf16_shapes`.
template <class Cell>
void add_network(std::vector<Operation>& all, const std::string& name, const std::vector<Shape>& shapes,
                 const std::vector<Shape>& bf16_shapes, RecurrentConfig options = {}) {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    options.precision = precision;
    const bool bf16 = precision == Precision::bf16;
    const std::string suffix = bf16 ? "_bf16" : "";
    all.push_back({name + "_inference" + suffix, bench::inference<Cell>, bf16 ? bf16_shapes : shapes, options});
    all.push_back(
        {name + "_forward_backward" + suffix, bench::forward_backward<Cell>, bf16 ? bf16_shapes : shapes, options});
  }
}

void add_operations() {
  using namespace bench;
  const std::vector<Shape> compared = compared_shapes(), projected = projection_shapes();
  std::vector<Operation> operations;
  add_network<rondo::LstmCell>(operations, "lstm", sequence_shapes(), compared);
  add_network<rondo::LstmCell>(operations, "lstm_bidirectional", compared, compared, {.bidirectional = true});
  add_network<rondo::LstmCell>(operations, "lstm_projection", projected, projected);
  add_network<rondo::PeepholeLstmCell>(operations, "lstm_peephole", compared, {});
  add_network<rondo::LstmCell>(operations, "lstm_layer_norm", compared, {}, {.layer_norm = true});
  add_network<rondo::GruCell>(operations, "gru", compared, compared);
  operations.push_back({"lstm_step", step<rondo::LstmCell>, step_shapes(), {}, benchmark::kMicrosecond});
  operations.push_back({"gru_step", step<rondo::GruCell>, step_shapes(), {}, benchmark::kMicrosecond});
  operations.push_back({"training_step", training_step, training_shapes()});
  operations.push_back({"training_step_bf16", training_step, training_shapes(), {.precision = Precision::bf16}});
  for (const Operation& operation : operations)
    for (const Shape& shape : operation.shapes)
      bench::add(shape.name(operation.name), operation.unit,
                 [shape, run = operation.run, options = operation.options](benchmark::State& state) {
                   if (rondo::set_num_threads(shape.threads) == shape.threads) {
                     run(state, shape, options);
                   } else {
                     state.SkipWithError("not enough threads available");
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
