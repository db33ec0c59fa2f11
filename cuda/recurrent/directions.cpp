// SPDX-License-Identifier: MIT
// The directions of a layer run concurrently, each on a stream. The only output that they share is the gradient of
// their input: the second one accumulates into it after the first one has written it.
#include "context_pool.hpp"
#include "pass.hpp"

#include <rondo/cuda/directions.hpp>

#include <memory>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

struct Fork::Impl {
  explicit Impl(std::size_t parts) : contexts(parts), enqueued(parts) {}
  ContextPool contexts;
  std::vector<Event> enqueued;  // [n]: recorded after part n - 1
};

Fork::Fork(Index parts) : impl_(std::make_unique<Impl>(static_cast<std::size_t>(parts))) {}

Fork::~Fork() {
  for (std::size_t n = 0; n < impl_->contexts.size(); ++n) impl_->contexts[n].impl().accumulate_after = nullptr;
}

Context& Fork::part(Index part) {
  const auto n = static_cast<std::size_t>(part);
  auto& [contexts, enqueued] = *impl_;
  if (n > 0) {
    enqueued[n].record(contexts[n - 1].stream());
    contexts[n].impl().accumulate_after = enqueued[n].handle();
  }
  return contexts[n];
}

void Fork::join() { impl_->contexts.join(); }

void wait_before_accumulating() {
  const Context::Impl& current = context();
  if (current.accumulate_after)
    check(issue(EventCall(current.accumulate_after, current.stream, true)), "cudaStreamWaitEvent");
}

}  // namespace rondo::inline RONDO_ABI::cuda
