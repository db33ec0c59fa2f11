// SPDX-License-Identifier: MIT
// Streaming inference on the CPU, one step of one sequence at a time: see layers/streaming.hpp. Legend: C inputs, H
// hidden units, P outputs, K outputs of a linear layer.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/weight_copy.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/weights.hpp>

namespace rondo::inline RONDO_ABI::detail {

struct StreamKernels;

/// A linear layer, y = W x + b, for one column. W: K x C.
template <class Scalar>
class StreamLinear {
 public:
  StreamLinear() = default;
  StreamLinear(MatrixView<const Scalar> W, MatrixView<const Scalar> b);

  Index outputs() const { return outputs_; }  ///< K

  /// x: C values. Returns K values, which are valid until the next step.
  const Scalar* step(const Scalar* x);

 private:
  Index inputs_ = 0, outputs_ = 0;
  void (*kernel_)(long, long, const float*, const float*, float*) = nullptr;  // null: Eigen is used
  Buffer<Scalar> rows_;                                                       // K rows of C weights and the bias
  Buffer<Scalar> y_;                                                          // K
};

/// One recurrent layer with its packed weights and its state.
template <class Cell, class Scalar>
class StreamLayer {
 public:
  StreamLayer(const RecurrentWeights<const Scalar>& w, const PassOptions& options);

  /// Sets the state to zero.
  void reset();

  /// x: C values. Returns P values, which are valid until the next step.
  const Scalar* step(const Scalar* x);

  Scalar* h() { return h_.data(); }  ///< P values
  Scalar* c() { return c_.data(); }  ///< H values, for cells with c

 private:
  const Scalar* step_plain(const Scalar* x);
  void pack(const RecurrentWeights<const Scalar>& w, Index padded);

  RecurrentShape shape_;
  PassOptions options_;
  bool reverse_unit_order_ = false;
  const StreamKernels* kernels_ = nullptr;  // null: the plain pass is used
  Index lanes_ = 1;
  Buffer<Scalar> packed_;                // layout: StreamStep::weights
  Buffer<Scalar> h_, h_before_, c_, m_;  // H, padded with zeros to whole vectors
  StreamLinear<Scalar> projection_;
  WeightCopy<Scalar> plain_;     // for the plain pass
  StepScratch<Scalar> scratch_;  // for the plain pass
};

}  // namespace rondo::inline RONDO_ABI::detail

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/streaming.inl>
#endif
