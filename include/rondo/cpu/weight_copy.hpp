// SPDX-License-Identifier: MIT
// A copy of one layer's weights, for inference objects that may outlive the layer.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/recurrent/weights.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace rondo::inline RONDO_ABI::detail {

template <class Scalar>
class WeightCopy {
 public:
  WeightCopy() = default;

  void assign(const RecurrentWeights<const Scalar>& from) {
    views_ = from;
    for (std::size_t n = 0; n < kTensors; ++n) {
      const MatrixView<const Scalar> a = *from.tensors()[n];
      values_[n].resize(a.data ? a.rows * a.cols : 0);
      if (a.data)
        for (Index j = 0; j < a.cols; ++j) std::copy_n(&a(0, j), a.rows, values_[n].data() + j * a.rows);
    }
  }

  RecurrentWeights<const Scalar> weights() const {
    RecurrentWeights<const Scalar> all = views_;
    for (std::size_t n = 0; n < kTensors; ++n)
      if (MatrixView<const Scalar>& a = *all.tensors()[n]; a.data) a.data = values_[n].data(), a.stride = a.rows;
    return all;
  }

 private:
  static constexpr std::size_t kTensors = RecurrentWeights<const Scalar>::kTensors;
  RecurrentWeights<const Scalar> views_;  // of the original; only the shapes are used
  std::array<Buffer<Scalar>, kTensors> values_;
};

}  // namespace rondo::inline RONDO_ABI::detail
