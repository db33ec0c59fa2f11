// SPDX-License-Identifier: MIT
// The algorithm without a barrier over 10 000 steps: every run has the same bits. Hidden; tests/run_gpu.sh runs it in a
// build of its own, whose kernels delay blocks at random (RONDO_CUDA_JITTER), and compares its bits with those of a
// build without delays.
#include <bit>
#include <cstdint>
#include <cstdio>

#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// FNV-1a over all values, which are floats.
std::uint64_t hash(const CaseResults& results) {
  std::uint64_t state = 0xcbf29ce484222325;
  for (const auto& [name, values] : results.tensors)
    for (double value : values)
      state = (state ^ std::bit_cast<std::uint32_t>(static_cast<float>(value))) * 0x100000001b3;
  return state;
}

template <class Cell>
void check_bits(Precision precision) {
  const RecurrentCase<Cell> in({8, 512, 4, 10000}, 1);
  RecurrentCache<float, Cuda> cache;
  const auto run = [&](RecurrentAlgorithm algorithm) {
    const AlgorithmGuard guard(algorithm);
    CaseResults results = run_on_device(in, cache, {.precision = precision});
    CHECK(cuda::Context::current().last_algorithm() == algorithm);
    return results;
  };
  const CaseResults first = run(RecurrentAlgorithm::dataflow_persistent);
  for (int n = 0; n < 3; ++n) CHECK(hash(run(RecurrentAlgorithm::dataflow_persistent)) == hash(first));
  const CaseResults stepwise = run(RecurrentAlgorithm::stepwise);
  for (std::size_t n = 0; n < first.tensors.size(); ++n) {
    INFO(Cell::kName << ": " << first.tensors[n].first);
    CHECK(relative_error(first.tensors[n].second, stepwise.tensors[n].second) <
          (precision == Precision::bf16 ? 0x1p-5 : 1e-4));
  }
  std::printf("bits of %s, %s: %016llx\n", Cell::kName, precision == Precision::bf16 ? "bf16" : "fp32",
              static_cast<unsigned long long>(hash(first)));
}

}  // namespace

TEST_CASE("Dataflow algorithm on CUDA: the same bits in every run of 10 000 steps", "[.jitter]") {
  if (!gpu_available() || cuda::Context::current().device().major < 9) return;
  for (Precision precision : {Precision::bf16, Precision::fp32}) {
    check_bits<LstmCell>(precision);
    check_bits<GruCell>(precision);
  }
}
