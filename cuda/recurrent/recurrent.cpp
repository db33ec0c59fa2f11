// SPDX-License-Identifier: MIT
// The operations on one recurrent layer over a sequence on a GPU. See pass.hpp for the algorithm.
#include "../runtime.hpp"
#include "algorithm_selection.hpp"
#include "operands.hpp"
#include "pass.hpp"

#include <rondo/cuda/operations.hpp>
#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>
#include <rondo/math/cells/lstm_variants.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

template <class Cell, class Scalar>
const char* recurrent_path(Cuda, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w) {
  return cuda::name(cuda::predicted_algorithm<Cell, Scalar>(w.shape, options.precision));
}

template <class Cell, class Scalar>
void recurrent_forward(Cuda device, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                       const RecurrentInput<Scalar, Cuda>& x, SequenceView<Scalar> y,
                       RecurrentCache<Scalar, Cuda>& cache) {
  SequenceView<const Scalar> features = x.sequence();
  if (x.is_tokens()) {
    auto& looked_up = cache.workspace.x;
    looked_up.resize(x.features(), x.batch(), x.time());
    embedding_forward(device, x.tokens().E, x.tokens().tokens, looked_up.flat());
    features = std::as_const(looked_up).view();
  }
  cuda::ForwardPass<Cell, Scalar>(options, w, features, y, cache, cuda::Activations::saved).run();
}

template <class Cell, class Scalar>
void recurrent_backward(Cuda device, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                        const RecurrentInput<Scalar, Cuda>& x, SequenceView<Scalar> y, SequenceView<const Scalar> dy,
                        RecurrentCache<Scalar, Cuda>& cache, const RecurrentWeights<Scalar>& grad,
                        MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
                        const RecurrentInputGradient<Scalar, Cuda>& to) {
  auto& work = cache.workspace;
  SequenceView<const Scalar> features = x.sequence();
  RecurrentInputGradient<Scalar, Cuda> to_features = to;
  if (x.is_tokens()) {
    features = std::as_const(work.x).view();
    to_features = {};
    if (to.dE.data) {
      work.dx.resize(x.features(), x.batch(), x.time());
      to_features.dx = work.dx.flat();
    }
  }
  cuda::BackwardPass<Cell, Scalar>(options, w, features, y, dy, cache, grad, dh_end, dc_end, to_features).run();
  if (!x.is_tokens() || !to.dE.data) return;
  cuda::wait_before_accumulating();
  embedding_backward(device, x.tokens().tokens, std::as_const(work.dx).flat(), to.dE);
}

namespace cuda {

namespace {

/// c after the last forward pass, H x B.
template <class Scalar>
MatrixView<const Scalar> final_c(const RecurrentCache<Scalar, Cuda>& cache, Index B) {
  const auto& c = cache.workspace.c;
  const Index H = B > 0 ? c.size() / B : 0;
  return {c.data(), H, B, H};
}

/// A forward pass from the state h, c that saves nothing for a backward pass. y and h may be the same memory.
template <class Cell, class Scalar>
void forward_without_saving(const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                            SequenceView<const Scalar> x, SequenceView<Scalar> y, MatrixView<const Scalar> h,
                            MatrixView<const Scalar> c, RecurrentCache<Scalar, Cuda>& cache) {
  const RecurrentShape& shape = w.shape;
  cache.h0.resize(shape.output, x.batch(), 1);
  cache.c0.resize(Cell::kHasC ? shape.hidden : 0, x.batch(), 1);
  cache.m.resize(shape.projects() ? shape.hidden : 0, x.batch(), x.time());
  copy(Cuda{}, h, cache.h0.at(0));
  if constexpr (Cell::kHasC) copy(Cuda{}, c, cache.c0.at(0));
  ForwardPass<Cell, Scalar>(options, w, x, y, cache, Activations::discarded).run();
}

}  // namespace

}  // namespace cuda

template <class Cell, class Scalar>
void recurrent_final_state(Cuda, Cell, Direction direction, SequenceView<const Scalar> y,
                           const RecurrentCache<Scalar, Cuda>& cache, MatrixView<Scalar> h, MatrixView<Scalar> c) {
  const cuda::StepOrder step_order{y.batch(), y.time(), direction == Direction::reverse,
                                   y.extent.ragged() ? cache.workspace.lengths.data() : nullptr};
  cuda::gather_final_state(step_order, y.flat, cache.h0.data(), h);
  if constexpr (Cell::kHasC) copy(Cuda{}, cuda::final_c(cache, y.batch()), c);
}

template <class Cell, class Scalar>
void recurrent_step(Cuda device, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                    MatrixView<const Scalar> x, MatrixView<Scalar> h, MatrixView<Scalar> c,
                    StepScratch<Scalar, Cuda>& scratch) {
  auto& cache = scratch.cache;
  const Extent one_step{x.cols, 1, {}};
  cuda::forward_without_saving<Cell, Scalar>(options, w, {x, one_step}, {h, one_step}, h, c, cache);
  if constexpr (Cell::kHasC) copy(device, cuda::final_c(cache, x.cols), c);
}

// ---- inference

namespace cuda {

namespace {

template <class Scalar>
RecurrentWeights<const Scalar> weights_of(const InferenceWeights<Scalar, Cuda>& w) {
  RecurrentWeights<const Scalar> all = w.views;
  for (std::size_t n = 0; n < w.values.size(); ++n)
    if (MatrixView<const Scalar>& a = *all.tensors()[n]; a.data) a.data = w.values[n].data(), a.stride = a.rows;
  return all;
}

/// Steps that inference runs at once: as many as have input products of 64 MB.
Index steps_at_once(Index bytes_per_step, Index T) {
  constexpr Index kBytes = Index{64} << 20, kMinSteps = 16;
  return std::clamp<Index>(kBytes / std::max<Index>(bytes_per_step, 1), std::min(kMinSteps, T), T);
}

}  // namespace

}  // namespace cuda

template <class Cell, class Scalar>
void recurrent_prepare_inference(Cuda device, Cell, const PassOptions& options,
                                 const RecurrentWeights<const Scalar>& from, InferenceWeights<Scalar, Cuda>& to) {
  to.options = options, to.views = from;
  for (std::size_t n = 0; n < to.values.size(); ++n)
    if (const MatrixView<const Scalar> a = *from.tensors()[n]; a.data)
      copy(device, a, cuda::contiguous(to.values[n], a.rows, a.cols));
}

template <class Cell, class Scalar>
void recurrent_infer(Cuda device, Cell cell, const InferenceWeights<Scalar, Cuda>& w, SequenceView<const Scalar> x,
                     MatrixView<Scalar> h, MatrixView<Scalar> c, SequenceView<Scalar> y,
                     InferenceWorkspace<Scalar, Cuda>& work) {
  auto& cache = work.cache;
  const RecurrentWeights<const Scalar> weights = cuda::weights_of(w);
  const Index B = x.batch(), T = x.time(), H = weights.shape.hidden;
  const bool low = RecurrentWorkspace<Scalar, Cuda>::saves_16_bits(w.options.precision);
  const Index steps = cuda::steps_at_once(Cell::kBlocks * H * B * static_cast<Index>(low ? 2 : sizeof(Scalar)), T);
  const bool reverse = w.options.direction == Direction::reverse;
  Index done = 0;
  do {  // from one range of steps to the next in the order of the direction; once for an empty sequence
    const Index count = std::min(steps, T - done), first = reverse ? T - done - count : done;
    std::vector<Index> lengths;
    for (Index b = 0; x.extent.ragged() && b < B; ++b)
      lengths.push_back(std::clamp<Index>(x.extent.length(b) - first, 0, count));
    const Extent part{B, count, lengths};
    const SequenceView<Scalar> y_part{y.flat.columns(first * B, count * B), part};
    cuda::forward_without_saving<Cell, Scalar>(w.options, weights, {x.flat.columns(first * B, count * B), part}, y_part,
                                               h, c, cache);
    recurrent_final_state(device, cell, w.options.direction, SequenceView<const Scalar>(y_part), cache, h, c);
    done += count;
  } while (done < T);
}

namespace cuda {

/// Explicit instantiation of this struct instantiates the functions.
template <class Cell, class Scalar>
struct RecurrentInstances {
  static constexpr auto* kPath = &recurrent_path<Cell, Scalar>;
  static constexpr auto* kForward = &recurrent_forward<Cell, Scalar>;
  static constexpr auto* kBackward = &recurrent_backward<Cell, Scalar>;
  static constexpr auto* kFinalState = &recurrent_final_state<Cell, Scalar>;
  static constexpr auto* kStep = &recurrent_step<Cell, Scalar>;
  static constexpr auto* kPrepareInference = &recurrent_prepare_inference<Cell, Scalar>;
  static constexpr auto* kInfer = &recurrent_infer<Cell, Scalar>;
};

template struct RecurrentInstances<LstmCell, float>;
template struct RecurrentInstances<LstmCell, double>;
template struct RecurrentInstances<GruCell, float>;
template struct RecurrentInstances<GruCell, double>;
template struct RecurrentInstances<PeepholeLstmCell, float>;
template struct RecurrentInstances<PeepholeLstmCell, double>;
template struct RecurrentInstances<CoupledLstmCell, float>;
template struct RecurrentInstances<CoupledLstmCell, double>;
template struct RecurrentInstances<CoupledPeepholeLstmCell, float>;
template struct RecurrentInstances<CoupledPeepholeLstmCell, double>;

}  // namespace cuda

}  // namespace rondo::inline RONDO_ABI
