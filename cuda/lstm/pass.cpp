// SPDX-License-Identifier: MIT
#include "pass.hpp"

#include "choose.hpp"
#include "words.hpp"

#include <rondo/cuda/verbs.hpp>

#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace rondo::inline v0::cuda {

namespace {

template <class Scalar>
Words words_of(Precision precision, bool backward) {
  if (!std::is_same_v<Scalar, float>) return Words::none;
  if (precision == Precision::bf16) return Words::bf16;
  if (precision == Precision::fp16) return backward ? Words::bf16 : Words::fp16;
  return Words::none;
}

/// The lengths of a ragged batch, on the device; null for a dense one.
template <class Scalar>
const std::int32_t* device_lengths(const Sequence<Scalar, Cuda>& x, LstmWorkspace<Scalar, Cuda>& work) {
  if (!x.ragged()) return nullptr;
  require_shape(x.time() <= std::numeric_limits<std::int32_t>::max(), "rondo::cuda: a ragged batch of T = ", x.time());
  const std::vector<std::int32_t> lengths(x.lengths().begin(), x.lengths().end());
  work.lengths.resize(x.batch());
  check(cudaMemcpyAsync(work.lengths.data(), lengths.data(), lengths.size() * sizeof(std::int32_t),
                        cudaMemcpyHostToDevice, context().stream),
        "cudaMemcpyAsync");
  return work.lengths.data();
}

/// x, or of a ragged batch a copy with zeros where it may hold anything: sums over all columns go over padding too.
template <class Scalar>
MatrixView<const Scalar> clean(const Sequence<Scalar, Cuda>& x, const std::int32_t* lengths,
                               LstmWorkspace<Scalar, Cuda>& work) {
  if (!lengths) return x.flat();
  work.x.resize(x.features(), x.batch(), x.time());
  copy_active(x.flat(), x.batch(), lengths, work.x.flat());
  return std::as_const(work.x).flat();
}

/// The walks want the recurrent weights without gaps between columns; a Parameter's have none.
template <class Scalar>
void require_contiguous(const LstmWeights<const Scalar>& w) {
  require_shape(w.R.stride == w.R.rows && w.b.cols == 1, "rondo::cuda: lstm: R's columns lie ", w.R.stride,
                " apart, wanted ", w.R.rows);
}

}  // namespace

template <class Scalar>
Products<Scalar>::Products(Precision precision, bool backward)
    : words_(words_of<Scalar>(precision, backward)),
      factors_(words_ == Words::none ? factors_of<Scalar>(precision) : factors_of_words(words_ == Words::fp16)) {}

template <class Scalar>
Factor Products<Scalar>::operator()(MatrixView<const Scalar> a, Buffer<std::uint16_t, Cuda>& words) const {
  if constexpr (std::is_same_v<Scalar, float>)
    if (words_ != Words::none) {
      words.resize(a.rows * a.cols);
      round_to_words(a, words_ == Words::fp16, words.data());
      return {words.data(), a.rows, a.cols, a.rows};
    }
  return factor(a);
}

template <class Scalar>
void Products<Scalar>::multiply(Op op_a, Op op_b, const Factor& a, const Factor& b, double beta,
                                MatrixView<Scalar> c) const {
  cuda::multiply(factors_, op_a, op_b, a, b, beta, c.data, c.stride, c.rows, c.cols);
}

// ---- forward

template <class Scalar>
ForwardPass<Scalar>::ForwardPass(Precision precision, const LstmWeights<const Scalar>& w,
                                 const Sequence<Scalar, Cuda>& x, LstmLayerCache<Scalar, Cuda>& cache)
    : precision_(precision), products_(precision, false), w_(w), x_(x), cache_(cache) {
  require_contiguous(w);
  auto& work = cache.workspace;
  const Index H = w.R.cols, B = x.batch(), T = x.time();
  a_ = {.H = H,
        .B = B,
        .T = T,
        .first = 0,
        .last = 0,
        .R = w.R.data,
        .bias = w.b.data,
        .lengths = device_lengths(x, work),
        .gates = cache.gates.data(),
        .h0 = cache.h0.data(),
        .c0 = cache.c0.data(),
        .c = cache.c.data(),
        .tanh_c = cache.tanh_c.data(),
        .y = cache.y.data(),
        .h_words = {}};
  if constexpr (std::is_same_v<Scalar, float>)
    if (products_.words() != Words::none) {
      work.h_words.resize(H * B * (T + 1));
      a_.h_words = {work.h_words.data(), products_.words() == Words::fp16};
      round_to_words(std::as_const(cache.h0).flat(), a_.h_words.fp16, work.h_words.data());
    }
  W_ = products_(w.W, work.W_words);
}

template <class Scalar>
void ForwardPass<Scalar>::run(Index first, Index last) {
  auto& work = cache_.workspace;
  const Index B = a_.B;
  const Index column = B * first, count = B * (last - first);
  // (0) Z = W X, all steps in one product; the cells add b, and leave padding alone
  const Factor X = products_(x_.flat().columns(column, count), work.x_words);
  products_.multiply(Op::none, Op::none, W_, X, 0, cache_.gates.flat().columns(column, count));
  a_.first = first, a_.last = last;
  walk(a_, precision_, w_.R, work);
}

// ---- backward

template <class Scalar>
BackwardPass<Scalar>::BackwardPass(Precision precision, const LstmWeights<const Scalar>& w,
                                   const Sequence<Scalar, Cuda>& x, const Sequence<Scalar, Cuda>& dy,
                                   LstmLayerCache<Scalar, Cuda>& cache, const LstmWeights<Scalar>& grad,
                                   MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end, Sequence<Scalar, Cuda>* dx)
    : precision_(precision),
      products_(precision, true),
      w_(w),
      x_(x),
      cache_(cache),
      grad_(grad),
      dh_end_(dh_end),
      dc_end_(dc_end),
      dx_(dx) {
  require_contiguous(w);
  const LstmLayerCache<Scalar, Cuda>& saved = cache;
  auto& work = cache.workspace;
  const Index H = w.R.cols, B = x.batch(), T = x.time();
  work.dz.resize(4 * H, B, T);
  const auto dc = contiguous(work.dc, H, B), end = contiguous(work.dh_end, H, B);
  copy(Cuda{}, dh_end, end);
  copy(Cuda{}, dc_end, dc);
  a_ = {.H = H,
        .B = B,
        .T = T,
        .first = 0,
        .last = 0,
        .R = w.R.data,
        .lengths = device_lengths(x, work),
        .gates = saved.gates.data(),
        .c0 = saved.c0.data(),
        .c = saved.c.data(),
        .tanh_c = saved.tanh_c.data(),
        .dy = dy.data(),
        .dh_end = end.data,
        .dh = contiguous(work.dh, H, B).data,
        .dc = dc.data,
        .dz = work.dz.data(),
        .dz_words = {}};
  if constexpr (std::is_same_v<Scalar, float>)
    if (products_.words() != Words::none) {
      work.dz_words.resize(4 * H * B * T);
      a_.dz_words = {work.dz_words.data(), false};
    }
  if (dx) W_ = products_(w.W, work.W_words);
}

/// dZ in columns [first, first + count), as products take it.
template <class Scalar>
Factor BackwardPass<Scalar>::dz_columns(Index first, Index count) const {
  const Index rows = 4 * a_.H;
  const void* data =
      a_.dz_words.data ? static_cast<const void*>(a_.dz_words.data + rows * first) : a_.dz + rows * first;
  return {data, rows, count, rows};
}

template <class Scalar>
void BackwardPass<Scalar>::run(Index first, Index last) {
  a_.first = a_.T - last, a_.last = first == 0 ? a_.T + 1 : a_.T - first;
  walk(a_, precision_, w_.R, cache_.workspace);
  const Index column = a_.B * first, count = a_.B * (last - first);
  if (dx_)  // (19) dX = W^T dZ
    products_.multiply(Op::transpose, Op::none, W_, dz_columns(column, count), 0, dx_->flat().columns(column, count));
}

template <class Scalar>
void BackwardPass<Scalar>::finish() {
  const LstmLayerCache<Scalar, Cuda>& saved = cache_;
  auto& work = cache_.workspace;
  const Index B = a_.B, T = a_.T;
  copy(Cuda{}, {a_.dh, a_.H, B, a_.H}, dh_end_);
  copy(Cuda{}, {a_.dc, a_.H, B, a_.H}, dc_end_);
  const Factor X = products_(clean(x_, a_.lengths, work), work.x_words);
  products_.multiply(Op::none, Op::transpose, dz_columns(0, B * T), X, 1, grad_.W);  // (16) dW = dZ X^T
  add_columns(Cuda{}, std::as_const(work.dz).flat(), grad_.b);                       // (18) db = sum of dz

  // (17) dR = sum of dz(t) h(t-1)^T: h(t-1) lies B columns before dz(t), except that h0 stands apart
  const auto add_to_dR = [&](MatrixView<const Scalar> h_before, Index first) {
    products_.multiply(Op::none, Op::transpose, dz_columns(first, h_before.cols), products_(h_before, work.h_words), 1,
                       grad_.R);
  };
  if (T > 0) add_to_dR(saved.h0.flat(), 0);
  if (T > 1) add_to_dR(saved.y.flat().columns(0, B * (T - 1)), B);
}

template class Products<float>;
template class Products<double>;
template class ForwardPass<float>;
template class ForwardPass<double>;
template class BackwardPass<float>;
template class BackwardPass<double>;

}  // namespace rondo::inline v0::cuda
