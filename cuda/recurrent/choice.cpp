// SPDX-License-Identifier: MIT
#include "choice.hpp"

#include "../runtime.hpp"
#include "choice_store.hpp"
#include "context_pool.hpp"
#include "cost_model.hpp"
#include "trial.hpp"

#include <rondo/math/cells/lstm_variants.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

/// Relative error up to which two orders of summation agree: operands are rounded again at each step, so a difference
/// in the last bit of a sum becomes one of the operand's precision.
double tolerance(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return 1e-4;
    case Precision::tf32:
      return 0x1p-8;
    case Precision::fp16:
      return 0x1p-8;
    case Precision::bf16:
      return 0x1p-5;
  }
  return 0;
}

/// ||a - b|| / ||b||; infinite if a value is not finite.
double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
    norm += double(b[i]) * b[i];
  }
  const double relative = std::sqrt(difference / std::max(norm, 1e-30));
  return std::isfinite(relative) ? relative : std::numeric_limits<double>::infinity();
}

/// Microseconds per step: the shortest of three runs.
template <bool kBackwardPass, class Cell>
double time_per_step(Trial<Cell>& trial, RecurrentAlgorithm algorithm) {
  Event begin(cudaEventDefault), end(cudaEventDefault);
  float shortest = std::numeric_limits<float>::infinity();
  for (int n = 0; n < 3; ++n) {
    float milliseconds = 0;
    begin.record(context().stream);
    trial.template run<kBackwardPass>(algorithm);
    end.record(context().stream);
    check(cudaEventSynchronize(end.handle()), "cudaEventSynchronize");
    check(cudaEventElapsedTime(&milliseconds, begin.handle(), end.handle()), "cudaEventElapsedTime");
    shortest = std::min(shortest, milliseconds);
  }
  return 1e3 * shortest / static_cast<double>(trial.steps());
}

/// Stepwise, and the two others that the cost model expects to be fastest, the fastest first. The kernel with a barrier
/// of the grid is not among them where the one without a barrier is expected to be faster.
std::vector<AlgorithmTrial> candidates(const DeviceInfo& device, const CellKernels& cell, const AlgorithmRecord& r) {
  std::vector<AlgorithmTrial> all;
  for (RecurrentAlgorithm algorithm : kAllAlgorithms) {
    const double expected = expected_step_time(device, algorithm, r.precision, cell, r.hidden, r.batch, r.backward);
    if (std::isfinite(expected)) all.push_back({algorithm, expected, 0, 0, true});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const AlgorithmTrial& a, const AlgorithmTrial& b) { return a.expected < b.expected; });
  const auto dataflow = std::find_if(all.begin(), all.end(), [](const AlgorithmTrial& t) {
    return t.algorithm == RecurrentAlgorithm::dataflow_persistent;
  });
  if (dataflow != all.end())
    all.erase(
        std::remove_if(dataflow, all.end(),
                       [](const AlgorithmTrial& t) { return t.algorithm == RecurrentAlgorithm::grid_persistent; }),
        all.end());
  for (int kept = 0; auto& t : all)
    if (t.algorithm != RecurrentAlgorithm::stepwise && ++kept > 2) t.expected = std::numeric_limits<double>::infinity();
  std::erase_if(all, [](const AlgorithmTrial& t) { return std::isinf(t.expected); });
  return all;
}

template <class Cell, class Arguments>
void try_candidates(const Arguments& a, AlgorithmChoice how, AlgorithmRecord& r) {
  constexpr bool kBackwardPass = kIsBackward<Arguments>;
  Trial<Cell> trial(a, r.precision);
  trial.template run<kBackwardPass>(RecurrentAlgorithm::stepwise);
  const std::vector<float> wanted = trial.template results<kBackwardPass>();
  r.trials = candidates(context().device, kCellKernels<Cell>, r);
  for (AlgorithmTrial& t : r.trials) {
    const int runs = t.algorithm == RecurrentAlgorithm::graph ? 2 : 1;  // the second one is captured and replayed
    for (int n = 0; n < runs && t.agrees; ++n) t.agrees = trial.template run<kBackwardPass>(t.algorithm);
    if (!t.agrees) {
      t.error = std::numeric_limits<double>::infinity();
      continue;
    }
    t.error = distance(trial.template results<kBackwardPass>(), wanted);
    t.agrees = t.error <= tolerance(r.precision);
    if (t.agrees && how == AlgorithmChoice::measured) t.measured = time_per_step<kBackwardPass>(trial, t.algorithm);
  }
  // From the simplest to the most complex one: a complex one must be 10 % faster.
  const AlgorithmTrial* best = nullptr;
  for (RecurrentAlgorithm algorithm : kAllAlgorithms)
    for (const AlgorithmTrial& t : r.trials) {
      if (t.algorithm != algorithm || !t.agrees) continue;
      const bool faster = how == AlgorithmChoice::measured ? best && t.measured < 0.9 * best->measured
                                                           : best && t.expected < 0.9 * best->expected;
      if (!best || faster) best = &t;
    }
  r.algorithm = best ? best->algorithm : RecurrentAlgorithm::stepwise;
}

}  // namespace

template <class Cell, class Arguments>
RecurrentAlgorithm choose_algorithm(const Arguments& a, Precision precision) {
  AlgorithmRecord r;
  r.device = device_text();
  r.cell = Cell::kName;
  r.precision = precision;
  r.backward = kIsBackward<Arguments>, r.ragged = a.step_order.lengths != nullptr;
  r.hidden = a.H, r.batch = a.step_order.B;
  r.time = static_cast<Index>(std::bit_floor(static_cast<std::uint64_t>(std::max<Index>(a.step_order.T, 1))));
  if (const auto stored = find_choice(r)) return *stored;
  const Context::Impl& current = context();
  if (is_captured(current.stream)) return RecurrentAlgorithm::stepwise;
  try_candidates<Cell>(a, current.choice, r);
  return store_choice(r);
}

/// Explicit instantiation of this struct instantiates the functions.
template <class Cell>
struct ChoiceInstances {
  static constexpr auto* kForward = &choose_algorithm<Cell, ForwardArguments<float>>;
  static constexpr auto* kBackward = &choose_algorithm<Cell, BackwardArguments<float>>;
};

template struct ChoiceInstances<LstmCell>;
template struct ChoiceInstances<GruCell>;
template struct ChoiceInstances<PeepholeLstmCell>;
template struct ChoiceInstances<CoupledLstmCell>;
template struct ChoiceInstances<CoupledPeepholeLstmCell>;

RecurrentAlgorithm known_choice(const char* cell, Index H, Precision precision) {
  return find_choice_of_any_batch(cell, H, precision).value_or(RecurrentAlgorithm::automatic);
}

}  // namespace rondo::inline RONDO_ABI::cuda
