// SPDX-License-Identifier: MIT
// For the host executor only: a kernel whose results are wrong is not chosen; the choice of the deterministic mode; the
// cost model.
#include <cmath>
#include <vector>

#include <host_cuda.hpp>

#include "../../cuda/recurrent/cost_model.hpp"
#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

struct RestoreRecords {
  RestoreRecords() { cuda::clear_algorithm_records(); }
  ~RestoreRecords() {
    cuda::clear_algorithm_records();
    host_cuda::wrong_tile_products(false);
    host_cuda::set_device({});
  }
};

template <class Cell = LstmCell>
std::vector<RecurrentAlgorithm> choices(cuda::AlgorithmChoice how) {
  cuda::clear_algorithm_records();
  cuda::Context context;
  const cuda::ContextGuard use(context);
  context.set_algorithm_choice(how);
  const AlgorithmGuard guard(RecurrentAlgorithm::automatic);
  RecurrentCache<float, Cuda> cache;
  for (Index H : {8, 40}) run_on_device(RecurrentCase<Cell>({5, H, 9, 12}, 2), cache, {.precision = Precision::bf16});
  std::vector<RecurrentAlgorithm> all;
  for (const auto& r : cuda::algorithm_records()) all.push_back(r.algorithm);
  return all;
}

}  // namespace

TEST_CASE("Automatic algorithm on the host: a kernel with wrong results is not chosen, and reported") {
  const RestoreRecords restore;
  host_cuda::wrong_tile_products(true);
  CHECK(choices<GruCell>(cuda::AlgorithmChoice::measured).size() == 4);
  for (const cuda::AlgorithmRecord& r : cuda::algorithm_records()) {
    CHECK((r.algorithm == RecurrentAlgorithm::stepwise || r.algorithm == RecurrentAlgorithm::graph));
    for (const cuda::AlgorithmTrial& t : r.trials)
      CHECK(t.agrees == (t.algorithm != RecurrentAlgorithm::dataflow_persistent));
  }
  for (auto how : {cuda::AlgorithmChoice::measured, cuda::AlgorithmChoice::deterministic})
    for (RecurrentAlgorithm chosen : choices(how)) {
      CHECK((chosen == RecurrentAlgorithm::stepwise || chosen == RecurrentAlgorithm::graph));
      int wrong = 0;
      for (const cuda::AlgorithmRecord& r : cuda::algorithm_records())
        for (const cuda::AlgorithmTrial& t : r.trials) {
          const bool persistent = t.algorithm == RecurrentAlgorithm::grid_persistent ||
                                  t.algorithm == RecurrentAlgorithm::cluster_persistent ||
                                  t.algorithm == RecurrentAlgorithm::dataflow_persistent;
          CHECK(t.agrees != persistent);
          CHECK((t.error > 0.03) == persistent);
          wrong += persistent;
        }
      CHECK(wrong >= 4);
    }
}

TEST_CASE("Automatic algorithm on the host: the deterministic choice follows the model") {
  const RestoreRecords restore;
  const auto first = choices(cuda::AlgorithmChoice::deterministic);
  CHECK(first.size() == 4);
  CHECK(choices(cuda::AlgorithmChoice::deterministic) == first);
  for (const cuda::AlgorithmRecord& r : cuda::algorithm_records())
    for (const cuda::AlgorithmTrial& t : r.trials) {
      CHECK(t.measured == 0);
      if (t.algorithm == r.algorithm) CHECK(t.expected <= r.trials[0].expected / 0.9);
    }
}

TEST_CASE("Automatic algorithm on the host: the grid's kernel is no candidate where one without a barrier is faster") {
  const RestoreRecords restore;
  choices(cuda::AlgorithmChoice::deterministic);
  int with_dataflow = 0;
  for (const cuda::AlgorithmRecord& r : cuda::algorithm_records()) {
    bool dataflow = false, grid = false;
    for (const cuda::AlgorithmTrial& t : r.trials) {
      dataflow |= t.algorithm == RecurrentAlgorithm::dataflow_persistent;
      grid |= t.algorithm == RecurrentAlgorithm::grid_persistent;
    }
    with_dataflow += dataflow;
    CHECK(!(dataflow && grid));
  }
  CHECK(with_dataflow > 0);
}

TEST_CASE(
    "Automatic algorithm on the host: the GRU's dataflow-persistent kernel is chosen where the model expects it") {
  const RestoreRecords restore;
  CHECK(choices<GruCell>(cuda::AlgorithmChoice::deterministic).size() == 4);
  int dataflow = 0;
  for (const cuda::AlgorithmRecord& r : cuda::algorithm_records()) {
    INFO("H " << r.hidden << (r.backward ? ", backward" : ""));
    CHECK(r.cell == "Gru");
    dataflow += r.algorithm == RecurrentAlgorithm::dataflow_persistent;
    for (const cuda::AlgorithmTrial& t : r.trials) {
      CHECK(t.agrees);
      CHECK(t.algorithm != RecurrentAlgorithm::grid_persistent);
      CHECK(t.algorithm != RecurrentAlgorithm::cluster_persistent);
    }
  }
  CHECK(dataflow > 0);
}

TEST_CASE("Cost model: the algorithms of an H100 in the order of a desk review") {
  cuda::DeviceInfo h100;
  h100.major = 9, h100.multiprocessors = 132, h100.shared_bytes = 227 << 10;
  const auto time = [&](RecurrentAlgorithm algorithm, Index B, Index H, bool backward = false) {
    return cuda::expected_step_time(h100, algorithm, Precision::bf16, cuda::kCellKernels<LstmCell>, H, B, backward);
  };
  const auto gru = [&](RecurrentAlgorithm algorithm, Index B, Index H) {
    return cuda::expected_step_time(h100, algorithm, Precision::bf16, cuda::kCellKernels<GruCell>, H, B, false);
  };
  using enum RecurrentAlgorithm;
  CHECK(time(grid_persistent, 16, 768) < time(graph, 16, 768));
  CHECK(time(graph, 16, 768) < time(stepwise, 16, 768));
  CHECK(time(cluster_persistent, 64, 512) < time(grid_persistent, 64, 512));
  CHECK(time(graph, 128, 1024) < time(grid_persistent, 128, 1024));
  CHECK(std::isinf(time(cluster_persistent, 128, 1024)));
  CHECK(time(grid_persistent, 128, 1024, true) > 2 * time(graph, 128, 1024, true));
  CHECK(time(dataflow_persistent, 16, 768) < time(cluster_persistent, 16, 768));
  CHECK(time(dataflow_persistent, 16, 768, true) < time(grid_persistent, 16, 768, true) / 2);
  CHECK(time(dataflow_persistent, 16, 2048) > time(grid_persistent, 16, 2048));  // few columns at once
  CHECK(std::isinf(time(dataflow_persistent, 16, 764)));
  CHECK(gru(stepwise, 128, 1024) < time(stepwise, 128, 1024));  // three gates
  CHECK(gru(dataflow_persistent, 16, 768) < gru(graph, 16, 768));
  CHECK(std::isinf(gru(grid_persistent, 16, 768)));
  CHECK(std::isinf(gru(cluster_persistent, 16, 768)));
  CHECK(std::isinf(cuda::expected_step_time(h100, dataflow_persistent, Precision::bf16,
                                            cuda::kCellKernels<PeepholeLstmCell>, 768, 16, false)));
  h100.major = 8;
  CHECK(std::isinf(time(dataflow_persistent, 16, 768)));
  CHECK(std::isinf(time(cluster_persistent, 64, 512)));
}
