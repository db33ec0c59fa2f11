// SPDX-License-Identifier: MIT
// Look-up of embedding columns by token, and its gradient.
//
// Backward: several columns of dy may belong to one token, and the order of their sum must be fixed. The host sorts the
// columns by token (counting sort, stable); each token that occurs gets a block, whose threads share the features and
// add the token's columns in order, as the CPU does: the results are bit-identical. The launch has as many blocks as
// tokens can occur, whichever do: it is the same at every step.
#include <rondo/cuda/operations.hpp>
#include <rondo/recurrent/input.hpp>

#include "reduce.cuh"

#include <algorithm>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace cuda {
namespace {

template <class Scalar>
__global__ void look_up_kernel(MatrixView<const Scalar> E, const std::int32_t* tokens, Index per_column,
                               MatrixView<Scalar> y) {
  for (Index j = Warp::index(); j < y.cols; j += Warp::count())
    for (Index d = Warp::rank(); d < y.rows; d += kWarp) {
      Scalar sum = 0;
      for (Index k = 0; k < per_column; ++k)
        if (const std::int32_t token = tokens[j * per_column + k]; token != kNoToken) sum += E(d, token);
      y(d, j) = sum;
    }
}

/// A token that occurs, and its columns in dy: order[first], ..., order[last - 1]. None: nothing to add.
struct Occurrences {
  Index token, first, last;
};

template <class Scalar>
__global__ void embedding_backward_kernel(const Occurrences* tokens, const Index* order, MatrixView<const Scalar> dy,
                                          MatrixView<Scalar> dE) {
  const auto [token, first, last] = tokens[blockIdx.x];
  if (first == last) return;  // `token` is not one that occurs
  for (Index d = threadIdx.x; d < dE.rows; d += kThreads) {
    Scalar sum = dE(d, token);
    for (Index k = first; k < last; ++k) sum += dy(d, order[k]);
    dE(d, token) = sum;
  }
}

struct SortedTokens {
  std::vector<Occurrences> occurring;  // then empty ones: as many as can occur
  std::vector<Index> order;            // column numbers sorted by token; entries for padding ids are unused
};

SortedTokens sort_tokens(std::span<const std::int32_t> tokens, Index per_column, Index vocabulary) {
  std::vector<Index> next(static_cast<std::size_t>(vocabulary) + 1);  // position of the next column of each token
  for (std::int32_t token : tokens)
    if (token != kNoToken) ++next[static_cast<std::size_t>(token) + 1];
  SortedTokens sorted;
  for (std::size_t v = 1; v < next.size(); ++v) {
    const Index first = next[v - 1], last = first + next[v];
    if (first < last) sorted.occurring.push_back({static_cast<Index>(v) - 1, first, last});
    next[v] = last;
  }
  sorted.occurring.resize(std::min(tokens.size(), static_cast<std::size_t>(vocabulary)));
  sorted.order.resize(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] != kNoToken)
      sorted.order[static_cast<std::size_t>(next[static_cast<std::size_t>(tokens[i])]++)] =
          static_cast<Index>(i) / per_column;
  return sorted;
}

}  // namespace
}  // namespace cuda

template <class Scalar>
void embedding_forward(Cuda, ConstView<Scalar> E, std::span<const std::int32_t> tokens, MatrixView<Scalar> y) {
  if (y.cols == 0) return;
  const auto count = static_cast<Index>(tokens.size());
  const auto* ids = cuda::upload_scratch(cuda::Scratch::tokens, tokens.data(), count);
  cuda::launch("embedding_forward", cuda::look_up_kernel<Scalar>, cuda::Warp::shape(y.cols), E, ids, count / y.cols, y);
}

template <class Scalar>
void embedding_backward(Cuda, std::span<const std::int32_t> tokens, ConstView<Scalar> dy, MatrixView<Scalar> dE) {
  if (dy.cols == 0) return;
  const cuda::SortedTokens sorted = cuda::sort_tokens(tokens, static_cast<Index>(tokens.size()) / dy.cols, dE.cols);
  const auto count = static_cast<unsigned>(sorted.occurring.size());
  const auto* occurring = cuda::upload_scratch(cuda::Scratch::tokens, sorted.occurring.data(), count);
  const auto* order =
      cuda::upload_scratch(cuda::Scratch::order, sorted.order.data(), static_cast<Index>(tokens.size()));
  cuda::launch("embedding_backward", cuda::embedding_backward_kernel<Scalar>, cuda::LaunchConfig{count, cuda::kThreads},
               occurring, order, dy, dE);
}

template void embedding_forward<float>(Cuda, ConstView<float>, std::span<const std::int32_t>, MatrixView<float>);
template void embedding_forward<double>(Cuda, ConstView<double>, std::span<const std::int32_t>, MatrixView<double>);
template void embedding_backward<float>(Cuda, std::span<const std::int32_t>, ConstView<float>, MatrixView<float>);
template void embedding_backward<double>(Cuda, std::span<const std::int32_t>, ConstView<double>, MatrixView<double>);

}  // namespace rondo::inline RONDO_ABI
