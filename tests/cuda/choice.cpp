// SPDX-License-Identifier: MIT
// `automatic`: candidates that were compared with the stepwise algorithm on this device, stored choices and their file.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <cuda_runtime_api.h>

#include <rondo/cuda.hpp>

#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// No stored choice before and after a test.
struct FreshRecords {
  FreshRecords() { cuda::clear_algorithm_records(); }
  ~FreshRecords() { cuda::clear_algorithm_records(); }
};

/// A file that is removed at the end of its scope.
struct TemporaryFile {
  std::string path;
  TemporaryFile() {
    static int files = 0;
    path = (std::filesystem::temp_directory_path() /
            ("rondo-choice-" + std::to_string(std::random_device{}()) + "-" + std::to_string(++files)))
               .string();
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  void write(const std::string& text) const { std::ofstream(path) << text; }
};

template <class Cell>
void pass(const RecurrentCase<Cell>& in, Precision precision) {
  const AlgorithmGuard guard(RecurrentAlgorithm::automatic);
  RecurrentCache<float, Cuda> cache;
  run_on_device(in, cache, {.precision = precision});
}

std::string loading_error(const std::string& text) {
  const TemporaryFile file;
  file.write(text);
  try {
    cuda::load_algorithm_records(file.path);
  } catch (const cuda::error& e) {
    return std::string(e.what()).substr(("rondo::cuda: " + file.path).size());
  }
  return "no error";
}

}  // namespace

TEST_CASE("Automatic algorithm: the result is right, and every candidate agrees with stepwise on this device") {
  if (!gpu_available()) return;
  const FreshRecords fresh;
  cuda::Context context;
  const cuda::ContextGuard use(context);
  std::size_t choices = 0;
  for (Direction direction : {Direction::forward, Direction::reverse})
    for (CaseShape shape : {CaseShape{5, 40, 9, 12}, {3, 16, 4, 9, unsorted_lengths(4, 9)}}) {
      shape.direction = direction;
      const RecurrentCase<LstmCell> in(shape, 2);
      const AlgorithmGuard guard(RecurrentAlgorithm::automatic);
      RecurrentCache<float, Cuda> cache;
      require_close(shape, run_on_device(in, cache), reference(in));
      if (direction == Direction::forward) choices += 2;
    }
  for (Precision precision : {Precision::tf32, Precision::bf16, Precision::fp16}) {
    pass(RecurrentCase<LstmCell>({5, 40, 9, 12}, 2), precision);
    choices += 2;
  }
  CHECK(cuda::algorithm_records().size() == choices - 1);  // the backward pass of fp16 is that of bf16
  for (const cuda::AlgorithmRecord& r : cuda::algorithm_records()) {
    INFO(r.device << ", H " << r.hidden << (r.backward ? ", backward" : "") << (r.ragged ? ", ragged" : ""));
    CHECK(r.trials.size() >= 2);
    bool chosen = false;
    for (const cuda::AlgorithmTrial& t : r.trials) {
      INFO(cuda::name(t.algorithm) << ": error " << t.error);
      CHECK(t.agrees);
      CHECK(t.measured > 0);
      CHECK(t.expected > 0);
      chosen = chosen || t.algorithm == r.algorithm;
    }
    CHECK(chosen);
    CHECK(((r.hidden == 40 && r.batch == 9 && !r.ragged) || (r.hidden == 16 && r.batch == 4 && r.ragged)));
    CHECK(r.time == 8);
  }
}

TEMPLATE_TEST_CASE("Automatic algorithm: other cells, each with choices of its own", "", GruCell, PeepholeLstmCell,
                   CoupledLstmCell) {
  if (!gpu_available()) return;
  const FreshRecords fresh;
  cuda::Context context;
  const cuda::ContextGuard use(context);
  pass(RecurrentCase<LstmCell>({5, 40, 9, 12}, 2), Precision::fp32);
  for (CaseShape shape : {CaseShape{5, 40, 9, 12}, {3, 16, 4, 9, unsorted_lengths(4, 9)}}) {
    const RecurrentCase<TestType> in(shape, 2);
    const AlgorithmGuard guard(RecurrentAlgorithm::automatic);
    RecurrentCache<float, Cuda> cache;
    require_close(shape, run_on_device(in, cache), reference(in));
  }
  pass(RecurrentCase<TestType>({5, 40, 9, 12}, 2), Precision::bf16);
  std::size_t own = 0;
  for (const cuda::AlgorithmRecord& r : cuda::algorithm_records()) {
    INFO(r.cell << ", H " << r.hidden << (r.backward ? ", backward" : "") << (r.ragged ? ", ragged" : ""));
    own += r.cell == TestType::kName;
    CHECK(r.trials.size() >= 2);
    for (const cuda::AlgorithmTrial& t : r.trials) {
      INFO(cuda::name(t.algorithm) << ": error " << t.error);
      CHECK(t.agrees);
    }
  }
  CHECK(own == 6);
  CHECK(cuda::algorithm_records().size() == 8);
}

TEST_CASE("Automatic algorithm: a choice is made once, and not while a stream is captured") {
  if (!gpu_available()) return;
  const FreshRecords fresh;
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  {
    cuda::Context context(stream);
    const cuda::ContextGuard use(context);
    Rng rng(1);
    RecurrentLayer<LstmCell, float, Cuda> layer({.input = 3, .hidden = 8}, 3, Direction::forward, rng);
    RecurrentCache<float, Cuda> cache;
    Sequence<float, Cuda> x(3, 2, 9), y(8, 2, 9), h(8, 2, 1), c(8, 2, 1);
    for (auto* s : {&x, &h, &c}) fill(Cuda{}, s->flat(), 0.5f);
    const auto forward = [&] { layer.forward(std::as_const(x), h.flat(), c.flat(), y.view(), cache, Inference{}); };
    context.synchronize();
    cudaGraph_t graph = nullptr;
    REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
    forward();
    REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
    REQUIRE(cudaGraphDestroy(graph) == cudaSuccess);
    CHECK(cuda::algorithm_records().empty());
    CHECK(context.last_algorithm() == RecurrentAlgorithm::stepwise);
    forward();
    REQUIRE(cuda::algorithm_records().size() == 1);
    const double measured = cuda::algorithm_records()[0].trials[0].measured;
    forward();
    CHECK(cuda::algorithm_records()[0].trials[0].measured == measured);
    CHECK(context.last_algorithm() == cuda::algorithm_records()[0].algorithm);
  }
  REQUIRE(cudaStreamDestroy(stream) == cudaSuccess);
}

TEST_CASE("Automatic algorithm: choices are stored in a file, and those of another device are ignored") {
  if (!gpu_available()) return;
  const FreshRecords fresh;
  cuda::Context context;
  const cuda::ContextGuard use(context);
  const RecurrentCase<LstmCell> in({5, 40, 9, 12}, 2);
  pass(in, Precision::fp32);
  const auto made = cuda::algorithm_records();
  REQUIRE(made.size() == 2);
  const TemporaryFile file;
  cuda::save_algorithm_records(file.path);

  std::string text;
  std::getline(std::ifstream(file.path), text, '\0');
  const std::string algorithm = cuda::name(made[0].algorithm);
  const std::string other = algorithm == "graph" ? "stepwise" : "graph";
  std::string changed = text, elsewhere = text;
  for (auto at = changed.find(algorithm); at != std::string::npos; at = changed.find(algorithm, at + other.size()))
    changed.replace(at, algorithm.size(), other);
  file.write(changed);
  cuda::clear_algorithm_records();
  cuda::load_algorithm_records(file.path);
  pass(in, Precision::fp32);
  REQUIRE(cuda::algorithm_records().size() == 2);
  CHECK(cuda::name(cuda::algorithm_records()[0].algorithm) == other);  // the stored one, without a trial
  CHECK(cuda::algorithm_records()[0].trials.empty());

  for (auto at = elsewhere.find("multiprocessors"); at != std::string::npos;
       at = elsewhere.find("multiprocessors", at + 16))
    elsewhere.insert(at, "9");
  file.write(elsewhere);
  cuda::clear_algorithm_records();
  cuda::load_algorithm_records(file.path);
  pass(in, Precision::fp32);
  CHECK(cuda::algorithm_records().size() == 4);

  const std::string line = "GPU\tLstm\tbf16\tforward\tdense\t40\t9\t8\tgraph\n";
  CHECK(loading_error(line) == "no error");
  CHECK(loading_error("# comment\n\n" + line + "GPU\tbf16\n") == ":4: 2 fields, wanted 9, separated by tabs");
  CHECK(loading_error("GPU\tLstm\tbf17\tforward\tdense\t40\t9\t8\tgraph\n") == ":1: unknown precision bf17");
  CHECK(loading_error("GPU\tLstm\tbf16\tforward\tdense\t40\t-9\t8\tgraph\n") == ":1: -9 is not a positive number");
  CHECK(loading_error("GPU\tLstm\tbf16\tforward\tdense\t40\t9\t8x\tgraph\n") == ":1: 8x is not a positive number");
  CHECK(loading_error("GPU\tLstm\tbf16\tsideways\tdense\t40\t9\t8\tgraph\n") ==
        ":1: wanted forward or backward, dense or ragged, got sideways, dense");
  CHECK(loading_error("GPU\tLstm\tbf16\tforward\tdense\t40\t9\t8\tfastest\n") == ":1: unknown algorithm fastest");
  CHECK_THROWS_WITH(cuda::load_algorithm_records("/no/such/file"), "rondo::cuda: /no/such/file could not be read");
  CHECK_THROWS_WITH(cuda::save_algorithm_records("/no/such/file"), "rondo::cuda: /no/such/file could not be written");
}
