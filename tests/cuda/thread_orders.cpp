// SPDX-License-Identifier: MIT
// On the host executor alone: threads and blocks run in one order or another, and every kernel computes the same. A
// barrier that is missing, or two threads that write one place, would show.
#include <host_cuda.hpp>

#include "cuda/every_operation.hpp"

using namespace rondo_test;
using host_cuda::Order;

TEMPLATE_TEST_CASE("CUDA: every operation computes the same in any order of threads", "", float, double) {
  for (Index rows : {33, 1500}) {
    host_cuda::set_order(Order::ascending);
    const Results ascending = run_every_operation<TestType>(rows);
    for (Order order : {Order::descending, Order::shuffled(1), Order::shuffled(2)}) {
      host_cuda::set_order(order);
      const Results other = run_every_operation<TestType>(rows);
      host_cuda::set_order(Order::ascending);
      INFO(rows << " rows, order " << static_cast<int>(order.kind) << ", seed " << order.seed);
      CHECK(other == ascending);
    }
  }
}
