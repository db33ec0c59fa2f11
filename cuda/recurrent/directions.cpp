// SPDX-License-Identifier: MIT
// The directions of a layer side by side, each on a lane. They share nothing that is written but the gradient of their
// input: the second one's is added once the first one's is there.
#include "lanes.hpp"
#include "pass.hpp"

#include <rondo/cuda/recurrent_stack.hpp>

#include <memory>
#include <vector>

namespace rondo::inline v0::cuda {

struct Fork::Impl {
  explicit Impl(std::size_t parts) : lanes(parts), enqueued(parts) {}
  Lanes lanes;
  std::vector<Event> enqueued;  // [n]: all of part n - 1
};

Fork::Fork(Index parts) : impl_(std::make_unique<Impl>(static_cast<std::size_t>(parts))) {}

Fork::~Fork() {
  for (std::size_t n = 0; n < impl_->lanes.size(); ++n) impl_->lanes[n].impl().adds_after = nullptr;
}

Context& Fork::part(Index part) {
  const auto n = static_cast<std::size_t>(part);
  auto& [lanes, enqueued] = *impl_;
  if (n > 0) {
    enqueued[n].record(lanes[n - 1].stream());
    lanes[n].impl().adds_after = enqueued[n].handle();
  }
  return lanes[n];
}

void Fork::join() { impl_->lanes.join(); }

void wait_before_adding() {
  const Context::Impl& current = context();
  if (current.adds_after) check(cudaStreamWaitEvent(current.stream, current.adds_after, 0), "cudaStreamWaitEvent");
}

}  // namespace rondo::inline v0::cuda
