// SPDX-License-Identifier: MIT
// One stream through packed layers on the CPU: see layers/streaming.hpp. Legend: C inputs, H hidden units, P outputs, N
// blocks of the cell.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/weight_copy.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/weights.hpp>

namespace rondo::inline RONDO_ABI::detail {

struct StreamKernels;

/// y = W x + b for one column.
template <class Scalar>
class StreamLinear {
 public:
  StreamLinear() = default;
  StreamLinear(MatrixView<const Scalar> W, MatrixView<const Scalar> b);

  Index outputs() const { return outputs_; }

  const Scalar* step(const Scalar* x);

 private:
  Index inputs_ = 0, outputs_ = 0;
  void (*kernel_)(long, long, const float*, const float*, float*) = nullptr;  // a StreamLinearKernel; null: Eigen
  Buffer<Scalar> rows_;                                                       // K rows of C weights and a bias
  Buffer<Scalar> y_;                                                          // K
};

/// A layer's weights, packed, and its state.
template <class Cell, class Scalar>
class StreamLayer {
 public:
  StreamLayer(const RecurrentWeights<const Scalar>& w, const PassOptions& options);

  void reset();

  /// x: C values. Returns P values, which are valid until the next step.
  const Scalar* step(const Scalar* x);

  Scalar* h() { return h_.data(); }
  Scalar* c() { return c_.data(); }

 private:
  const Scalar* step_plain(const Scalar* x);
  void pack(const RecurrentWeights<const Scalar>& w, Index padded);

  RecurrentShape shape_;
  PassOptions options_;
  bool reverse_unit_order_ = false;
  const StreamKernels* kernels_ = nullptr;  // null: the plain pass
  Index lanes_ = 1;
  Buffer<Scalar> packed_;                // panels
  Buffer<Scalar> h_, h_before_, c_, m_;  // H, and zeros up to a whole vector
  StreamLinear<Scalar> projection_;
  WeightCopy<Scalar> plain_;  // of the plain pass
  StepScratch<Scalar> scratch_;
};

}  // namespace rondo::inline RONDO_ABI::detail

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/streaming.inl>
#endif
