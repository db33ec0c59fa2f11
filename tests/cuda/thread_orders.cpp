// SPDX-License-Identifier: MIT
// For the host executor only: every kernel computes the same in every order of threads and blocks. Otherwise a barrier
// is missing, or two threads write to one address.
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
