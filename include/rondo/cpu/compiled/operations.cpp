// SPDX-License-Identifier: MIT
// The CPU operations that do not depend on a cell, in float and double.
#include <rondo/cpu/dropout.hpp>
#include <rondo/cpu/dropout.inl>
#include <rondo/cpu/embedding.hpp>
#include <rondo/cpu/embedding.inl>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/gemm.inl>
#include <rondo/cpu/losses.hpp>
#include <rondo/cpu/losses.inl>
#include <rondo/cpu/optim.hpp>
#include <rondo/cpu/optim.inl>
#include <rondo/cpu/pooling.hpp>
#include <rondo/cpu/pooling.inl>
#include <rondo/cpu/regression_losses.hpp>
#include <rondo/cpu/regression_losses.inl>

namespace rondo::inline RONDO_ABI::detail {

/// An explicit instantiation instantiates the functions whose addresses are taken.
template <class Scalar>
struct Operations {
  using Packed = PackedMatrix<Scalar, Cpu>;
  static constexpr void (*kGemm)(Cpu, Op, Op, ConstView<Scalar>, ConstView<Scalar>, MatrixView<Scalar>) = gemm<Scalar>;
  static constexpr void (*kGemmPacked)(Cpu, const Packed&, ConstView<Scalar>, MatrixView<Scalar>) = gemm<Scalar>;
  static constexpr auto kPack = pack<Scalar>;
  static constexpr auto kSetColumns = set_columns<Scalar>;
  static constexpr auto kAddColumns = add_columns<Scalar>;
  static constexpr auto kAdd = add<Scalar>;
  static constexpr auto kCopy = copy<Scalar>;

  static constexpr auto kDropoutForward = dropout_forward<Scalar>;
  static constexpr auto kDropoutBackward = dropout_backward<Scalar>;
  static constexpr auto kEmbeddingForward = embedding_forward<Scalar>;
  static constexpr auto kEmbeddingBackward = embedding_backward<Scalar>;
  static constexpr auto kLastStepForward = last_step_forward<Scalar>;
  static constexpr auto kLastStepBackward = last_step_backward<Scalar>;
  static constexpr auto kMeanOverTimeForward = mean_over_time_forward<Scalar>;
  static constexpr auto kMeanOverTimeBackward = mean_over_time_backward<Scalar>;

  static constexpr auto kSoftmaxColumn = softmax_cross_entropy_column<Scalar>;
  static constexpr auto kSoftmaxSum = softmax_cross_entropy_sum<Scalar>;
  static constexpr auto kBernoulliColumn = bernoulli_cross_entropy_column<Scalar>;
  static constexpr auto kBernoulliSum = bernoulli_cross_entropy_sum<Scalar>;
  static constexpr auto kSquaredError = regression_loss_sum<Scalar, SquaredError>;
  static constexpr auto kHuberError = regression_loss_sum<Scalar, HuberError>;

  static constexpr auto kAdam = adam_update<Scalar>;
  static constexpr auto kSquaredNorm = squared_norm<Scalar>;
  static constexpr auto kScale = scale<Scalar>;
};
template struct Operations<float>;
template struct Operations<double>;

}  // namespace rondo::inline RONDO_ABI::detail
