// SPDX-License-Identifier: MIT
// Bit-identical results in repeated runs.
#include "cuda/every_operation.hpp"

using namespace rondo_test;

TEMPLATE_TEST_CASE("CUDA: two runs of every operation are bit-identical", "", float, double) {
  if (!gpu_available()) return;
  for (Index rows : {1, 33, 257, 1500}) {
    INFO(rows << " rows");
    const Results first = run_every_operation<TestType>(rows);
    CHECK(first.size() > static_cast<std::size_t>(rows));
    CHECK(first == run_every_operation<TestType>(rows));
  }
}
