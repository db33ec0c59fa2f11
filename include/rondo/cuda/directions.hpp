// SPDX-License-Identifier: MIT
// The directions of a recurrent layer on a GPU run concurrently.
#pragma once

#include <rondo/core/view.hpp>
#include <rondo/cuda/context.hpp>

#include <memory>

namespace rondo::inline RONDO_ABI {

namespace cuda {

/// Runs parts of the calling thread's work concurrently, each in a context with a stream: the first part in the
/// thread's own context.
class Fork {
 public:
  explicit Fork(Index parts);
  ~Fork();
  Fork(const Fork&) = delete;
  Fork& operator=(const Fork&) = delete;

  /// The context of part n, once the work of the part before is enqueued. Where its passes accumulate into the gradient
  /// of their input, they wait for that part, since both may use the same gradient.
  Context& part(Index n);

  /// Further work on the thread's own stream runs after all parts.
  void join();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cuda

/// f(d) for each direction of a layer. The work that they enqueue runs concurrently.
template <class F>
void run_directions(Cuda, Index directions, F&& f) {
  if (directions == 1) return f(Index{0});
  cuda::Fork fork(directions);
  for (Index d = 0; d < directions; ++d) {
    const cuda::ContextGuard use(fork.part(d));
    f(d);
  }
  fork.join();
}

}  // namespace rondo::inline RONDO_ABI
