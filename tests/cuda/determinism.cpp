// SPDX-License-Identifier: MIT
// The same bits, every time: sums may have any order, but always the same.
#include "cuda/every_operation.hpp"

using namespace rondo_test;

TEMPLATE_TEST_CASE("CUDA: two runs of every operation give the same bits", "", float, double) {
  if (!gpu_available()) return;
  for (Index rows : {1, 33, 257, 1500}) {
    INFO(rows << " rows");
    const Results first = run_every_operation<TestType>(rows);
    CHECK(first.size() > static_cast<std::size_t>(rows));
    CHECK(first == run_every_operation<TestType>(rows));
  }
}
