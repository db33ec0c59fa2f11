// SPDX-License-Identifier: MIT
// One LSTM layer over a sequence on a GPU: the verbs. What they do stands in pass.hpp.
#include "pass.hpp"
#include "words.hpp"

#include <rondo/cuda/verbs.hpp>

#include <utility>

namespace rondo::inline v0 {

namespace cuda {

namespace {

template <class Scalar>
void backward(Precision precision, const LstmWeights<const Scalar>& w, const Sequence<Scalar, Cuda>& x,
              const Sequence<Scalar, Cuda>& dy, LstmLayerCache<Scalar, Cuda>& cache, const LstmWeights<Scalar>& grad,
              MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end, Sequence<Scalar, Cuda>* dx) {
  BackwardPass<Scalar> pass(precision, w, x, dy, cache, grad, dh_end, dc_end, dx);
  pass.run(0, x.time());
  pass.finish();
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
  cuda::ForwardPass<Scalar>(precision, w, x, cache).run(0, x.time());
}

template <class Scalar>
void lstm_forward(Cuda device, Precision precision, const LstmWeights<const Scalar>& w,
                  const TokenInput<Scalar, Cuda>& x, LstmLayerCache<Scalar, Cuda>& cache) {
  lstm_forward(device, precision, w, cuda::looked_up(x, cache.workspace), cache);
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
  const Index H = w.hidden;
  auto& cache = work.cache;
  cache.resize(H, x.batch(), x.time(), x.lengths());
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
