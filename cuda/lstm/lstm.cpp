// SPDX-License-Identifier: MIT
// One LSTM layer over a sequence on a GPU: what is linear and needs no walk, each in one product over all steps. The
// walk through time between them is one of several, see choose.hpp.
//
//   forward     Z = W X, then the walk: Z(t) + b + R h(t-1) and the cells
//   backward    the walk, last step first: the cells backward and dh(t-1) = R^T dz(t);
//               then dW = dZ X^T, dR = dZ Hbefore^T, db = the sum of dZ's columns, dX = W^T dZ
#include "../ops/gemm.hpp"
#include "arguments.hpp"
#include "choose.hpp"
#include "words.hpp"

#include <rondo/cuda/lstm.hpp>
#include <rondo/cuda/verbs.hpp>

#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace rondo::inline v0 {

namespace cuda {

namespace {

/// Whether factors are rounded to 16 bits: which, for a pass in this direction.
enum class Words { none, bf16, fp16 };

template <class Scalar>
Words words_of(Precision precision, bool backward) {
  if (!std::is_same_v<Scalar, float>) return Words::none;
  if (precision == Precision::bf16) return Words::bf16;
  if (precision == Precision::fp16) return backward ? Words::bf16 : Words::fp16;
  return Words::none;
}

/// A pass's products: takes factors as they are, or rounds them into `words` first.
template <class Scalar>
class Products {
 public:
  Products(Precision precision, bool backward)
      : words_(words_of<Scalar>(precision, backward)),
        factors_(words_ == Words::none   ? factors_of<Scalar>(precision)
                 : words_ == Words::fp16 ? Factors{CUDA_R_16F, CUBLAS_COMPUTE_32F}
                                         : Factors{CUDA_R_16BF, CUBLAS_COMPUTE_32F}) {}

  Words words() const { return words_; }

  Factor operator()(MatrixView<const Scalar> a, Buffer<std::uint16_t, Cuda>& words) const {
    if constexpr (std::is_same_v<Scalar, float>)
      if (words_ != Words::none) {
        words.resize(a.rows * a.cols);
        round_to_words(a, words_ == Words::fp16, words.data());
        return {words.data(), a.rows, a.cols, a.rows};
      }
    return factor(a);
  }

  /// c = op(a) op(b) + beta c.
  void multiply(Op op_a, Op op_b, const Factor& a, const Factor& b, double beta, MatrixView<Scalar> c) const {
    cuda::multiply(factors_, op_a, op_b, a, b, beta, c.data, c.stride, c.rows, c.cols);
  }

 private:
  Words words_;
  Factors factors_;
};

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

/// x, or of a ragged batch a copy with zeros where it may hold anything: products go over padding too.
template <class Scalar>
MatrixView<const Scalar> clean(const Sequence<Scalar, Cuda>& x, const std::int32_t* lengths,
                               LstmWorkspace<Scalar, Cuda>& work) {
  if (!lengths) return x.flat();
  work.x.resize(x.features(), x.batch(), x.time());
  copy_active(x.features(), x.batch(), x.time(), lengths, x.data(), work.x.data());
  return std::as_const(work.x).flat();
}

template <class Scalar>
MatrixView<Scalar> contiguous(Buffer<Scalar, Cuda>& buffer, Index rows, Index cols) {
  buffer.resize(rows * cols);
  return {buffer.data(), rows, cols, rows};
}

/// The recurrent weights without gaps between columns, as the walks want them; a Parameter's always are.
template <class Scalar>
void require_contiguous(const LstmWeights<const Scalar>& w) {
  require_shape(w.R.stride == w.R.rows && w.b.cols == 1, "rondo::cuda: lstm: R's columns lie ", w.R.stride,
                " apart, wanted ", w.R.rows);
}

template <class Scalar>
void forward(Precision precision, const LstmWeights<const Scalar>& w, const Sequence<Scalar, Cuda>& x,
             LstmLayerCache<Scalar, Cuda>& cache) {
  require_contiguous(w);
  auto& work = cache.workspace;
  const Index H = w.R.cols, B = x.batch(), T = x.time();
  const std::int32_t* lengths = device_lengths(x, work);
  const Products<Scalar> products(precision, false);

  // (0) Z = W X, all steps in one product; the cells add b
  products.multiply(Op::none, Op::none, products(w.W, work.W_words), products(clean(x, lengths, work), work.x_words), 0,
                    cache.gates.flat());

  ForwardArguments<Scalar> a{H,
                             B,
                             T,
                             w.R.data,
                             w.b.data,
                             lengths,
                             cache.gates.data(),
                             cache.h0.data(),
                             cache.c0.data(),
                             cache.c.data(),
                             cache.tanh_c.data(),
                             cache.y.data(),
                             {}};
  if constexpr (std::is_same_v<Scalar, float>)
    if (products.words() != Words::none) {
      work.h_words.resize(H * B * (T + 1));
      a.h_words = {work.h_words.data(), products.words() == Words::fp16};
      round_to_words(std::as_const(cache.h0).flat(), a.h_words.fp16, work.h_words.data());
    }
  walk(a, precision, w.R, work);
}

template <class Scalar>
void backward(Precision precision, const LstmWeights<const Scalar>& w, const Sequence<Scalar, Cuda>& x,
              const Sequence<Scalar, Cuda>& dy, LstmLayerCache<Scalar, Cuda>& cache, const LstmWeights<Scalar>& grad,
              MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end, Sequence<Scalar, Cuda>* dx) {
  require_contiguous(w);
  const LstmLayerCache<Scalar, Cuda>& saved = cache;
  auto& work = cache.workspace;
  const Index H = w.R.cols, B = x.batch(), T = x.time();
  const std::int32_t* lengths = device_lengths(x, work);
  const Products<Scalar> products(precision, true);

  work.dz.resize(4 * H, B, T);
  const auto dh = contiguous(work.dh, H, B), dc = contiguous(work.dc, H, B), end = contiguous(work.dh_end, H, B);
  copy(Cuda{}, dh_end, end);
  copy(Cuda{}, dc_end, dc);
  BackwardArguments<Scalar> a{H,
                              B,
                              T,
                              w.R.data,
                              lengths,
                              saved.gates.data(),
                              saved.c0.data(),
                              saved.c.data(),
                              saved.tanh_c.data(),
                              dy.data(),
                              end.data,
                              dh.data,
                              dc.data,
                              work.dz.data(),
                              {}};
  if constexpr (std::is_same_v<Scalar, float>)
    if (products.words() != Words::none) {
      work.dz_words.resize(4 * H * B * T);
      a.dz_words = {work.dz_words.data(), false};
    }
  walk(a, precision, w.R, work);
  copy(Cuda{}, dh, dh_end);
  copy(Cuda{}, dc, dc_end);

  const MatrixView<const Scalar> dZ = std::as_const(work.dz).flat();
  const Factor dz = a.dz_words.data ? Factor{a.dz_words.data, 4 * H, B * T, 4 * H} : factor(dZ);
  const Factor X = products(clean(x, lengths, work), work.x_words);
  products.multiply(Op::none, Op::transpose, dz, X, 1, grad.W);  // (16) dW = dZ X^T
  add_columns(Cuda{}, dZ, grad.b);                               // (18) db = sum of dz
  if (dx)                                                        // (19) dX = W^T dZ
    products.multiply(Op::transpose, Op::none, products(w.W, work.W_words), dz, 0, dx->flat());

  // (17) dR = sum of dz(t) h(t-1)^T: h(t-1) lies B columns before dz(t), except that h0 stands apart
  if (T == 0) return;
  const auto columns_of = [&](const Factor& f, Index first, Index count) {
    const std::size_t width = a.dz_words.data ? sizeof(std::uint16_t) : sizeof(Scalar);
    return Factor{static_cast<const std::byte*>(f.data) + static_cast<std::size_t>(first * f.stride) * width, f.rows,
                  count, f.stride};
  };
  const auto dR = [&](MatrixView<const Scalar> h_before, Index first) {
    products.multiply(Op::none, Op::transpose, columns_of(dz, first, h_before.cols), products(h_before, work.h_words),
                      1, grad.R);
  };
  dR(saved.h0.flat(), 0);
  if (T > 1) dR(saved.y.flat().columns(0, B * (T - 1)), B);
}

/// Looks the tokens up into work.x.
template <class Scalar>
const Sequence<Scalar, Cuda>& looked_up(const TokenInput<Scalar, Cuda>& x, LstmWorkspace<Scalar, Cuda>& work) {
  work.x.resize(x.E.rows, x.batch, x.time);
  embedding_forward(Cuda{}, x.E, x.tokens, work.x.flat());
  return work.x;
}

}  // namespace

}  // namespace cuda

template <class Scalar>
void lstm_forward(Cuda, Precision precision, const LstmWeights<const Scalar>& w, const Sequence<Scalar, Cuda>& x,
                  LstmLayerCache<Scalar, Cuda>& cache) {
  cuda::forward(precision, w, x, cache);
}

template <class Scalar>
void lstm_forward(Cuda, Precision precision, const LstmWeights<const Scalar>& w, const TokenInput<Scalar, Cuda>& x,
                  LstmLayerCache<Scalar, Cuda>& cache) {
  cuda::forward(precision, w, cuda::looked_up(x, cache.workspace), cache);
}

template <class Scalar>
void lstm_backward(Cuda, Precision precision, const LstmWeights<const Scalar>& w, const Sequence<Scalar, Cuda>& x,
                   const Sequence<Scalar, Cuda>& dy, LstmLayerCache<Scalar, Cuda>& cache,
                   const LstmWeights<Scalar>& grad, MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
                   Sequence<Scalar, Cuda>* dx) {
  cuda::backward(precision, w, x, dy, cache, grad, dh_end, dc_end, dx);
}

template <class Scalar>
void lstm_backward(Cuda, Precision precision, const LstmWeights<const Scalar>& w, const TokenInput<Scalar, Cuda>& x,
                   const Sequence<Scalar, Cuda>& dy, LstmLayerCache<Scalar, Cuda>& cache,
                   const LstmWeights<Scalar>& grad, MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
                   MatrixView<Scalar> dE) {
  auto& d_features = cache.workspace.dx;
  d_features.resize(x.E.rows, x.batch, x.time);
  cuda::backward(precision, w, cache.workspace.x, dy, cache, grad, dh_end, dc_end, &d_features);
  embedding_backward(Cuda{}, x.tokens, std::as_const(d_features).flat(), dE);
}

template <class Scalar>
void lstm_final_state(Cuda, const LstmLayerCache<Scalar, Cuda>& cache, MatrixView<Scalar> h, MatrixView<Scalar> c) {
  const auto& y = cache.y;
  cuda::gather_final_state(y.features(), y.batch(), y.time(), y.ragged() ? cache.workspace.lengths.data() : nullptr,
                           y.data(), cache.c.data(), cache.h0.data(), cache.c0.data(), h, c);
}

template <class Scalar>
void lstm_prepare_inference(Cuda device, Precision precision, const LstmWeights<const Scalar>& from,
                            InferenceWeights<Scalar, Cuda>& to) {
  to.inputs = from.W.cols, to.hidden = from.R.cols, to.precision = precision;
  copy(device, from.W, cuda::contiguous(to.W, from.W.rows, from.W.cols));
  copy(device, from.R, cuda::contiguous(to.R, from.R.rows, from.R.cols));
  copy(device, from.b, cuda::contiguous(to.b, from.b.rows, 1));
}

template <class Scalar>
void lstm_infer(Cuda device, const InferenceWeights<Scalar, Cuda>& w, const Sequence<Scalar, Cuda>& x,
                MatrixView<Scalar> h, MatrixView<Scalar> c, Sequence<Scalar, Cuda>& y,
                InferenceWorkspace<Scalar, Cuda>& work) {
  const Index H = w.hidden, B = x.batch();
  auto& cache = work.cache;
  for (auto* s : {&cache.h0, &cache.c0}) s->resize(H, B, 1);
  for (auto* s : {&cache.c, &cache.tanh_c, &cache.y}) s->resize_like(x, H);
  cache.gates.resize_like(x, 4 * H);
  copy(device, h, cache.h0.at(0));
  copy(device, c, cache.c0.at(0));
  const LstmWeights<const Scalar> weights{
      {w.W.data(), 4 * H, w.inputs, 4 * H}, {w.R.data(), 4 * H, H, 4 * H}, {w.b.data(), 4 * H, 1, 4 * H}};
  lstm_forward(device, w.precision, weights, x, cache);
  lstm_final_state(device, cache, h, c);
  y.resize_like(x, H);
  copy(device, std::as_const(cache.y).flat(), y.flat());
}

template void lstm_forward(Cuda, Precision, const LstmWeights<const float>&, const Sequence<float, Cuda>&,
                           LstmLayerCache<float, Cuda>&);
template void lstm_forward(Cuda, Precision, const LstmWeights<const float>&, const TokenInput<float, Cuda>&,
                           LstmLayerCache<float, Cuda>&);
template void lstm_backward(Cuda, Precision, const LstmWeights<const float>&, const Sequence<float, Cuda>&,
                            const Sequence<float, Cuda>&, LstmLayerCache<float, Cuda>&, const LstmWeights<float>&,
                            MatrixView<float>, MatrixView<float>, Sequence<float, Cuda>*);
template void lstm_backward(Cuda, Precision, const LstmWeights<const float>&, const TokenInput<float, Cuda>&,
                            const Sequence<float, Cuda>&, LstmLayerCache<float, Cuda>&, const LstmWeights<float>&,
                            MatrixView<float>, MatrixView<float>, MatrixView<float>);
template void lstm_final_state(Cuda, const LstmLayerCache<float, Cuda>&, MatrixView<float>, MatrixView<float>);
template void lstm_prepare_inference(Cuda, Precision, const LstmWeights<const float>&, InferenceWeights<float, Cuda>&);
template void lstm_infer(Cuda, const InferenceWeights<float, Cuda>&, const Sequence<float, Cuda>&, MatrixView<float>,
                         MatrixView<float>, Sequence<float, Cuda>&, InferenceWorkspace<float, Cuda>&);

template void lstm_forward(Cuda, Precision, const LstmWeights<const double>&, const Sequence<double, Cuda>&,
                           LstmLayerCache<double, Cuda>&);
template void lstm_forward(Cuda, Precision, const LstmWeights<const double>&, const TokenInput<double, Cuda>&,
                           LstmLayerCache<double, Cuda>&);
template void lstm_backward(Cuda, Precision, const LstmWeights<const double>&, const Sequence<double, Cuda>&,
                            const Sequence<double, Cuda>&, LstmLayerCache<double, Cuda>&, const LstmWeights<double>&,
                            MatrixView<double>, MatrixView<double>, Sequence<double, Cuda>*);
template void lstm_backward(Cuda, Precision, const LstmWeights<const double>&, const TokenInput<double, Cuda>&,
                            const Sequence<double, Cuda>&, LstmLayerCache<double, Cuda>&, const LstmWeights<double>&,
                            MatrixView<double>, MatrixView<double>, MatrixView<double>);
template void lstm_final_state(Cuda, const LstmLayerCache<double, Cuda>&, MatrixView<double>, MatrixView<double>);
template void lstm_prepare_inference(Cuda, Precision, const LstmWeights<const double>&,
                                     InferenceWeights<double, Cuda>&);
template void lstm_infer(Cuda, const InferenceWeights<double, Cuda>&, const Sequence<double, Cuda>&, MatrixView<double>,
                         MatrixView<double>, Sequence<double, Cuda>&, InferenceWorkspace<double, Cuda>&);

}  // namespace rondo::inline v0
