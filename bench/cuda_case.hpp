// SPDX-License-Identifier: MIT
// One LSTM on the GPU with its inputs, and the results of a forward and a backward pass, to be timed and to be compared
// with those of other algorithms. Every pass starts from the same non-zero state.
#pragma once

#include "shape.hpp"

#include <rondo/cuda.hpp>
#include <rondo/layers/lstm.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bench {

using rondo::Cuda;
using rondo::Precision;

/// Inputs shared by the passes of all precisions and algorithms.
struct Inputs {
  Inputs(const Shape& shape, std::uint64_t seed);

  Shape shape;
  std::uint64_t seed;
  rondo::Sequence<float, Cuda> x, dy;  // C x B x T, H x B x T: uniform in [-1, 1)
};

/// Results of the passes. For a long sequence the norm includes all steps, the values only some of them.
struct Outputs {
  struct Tensor {
    std::string name;
    double norm = 0;
    std::vector<float> values;
  };
  std::vector<Tensor> forward, backward;
};

/// The largest ||got - wanted|| / ||wanted|| over the tensors, and its tensor. NaN if any value is.
struct Difference {
  double error = 0;
  std::string tensor;
};
Difference largest_difference(const std::vector<Outputs::Tensor>& got, const std::vector<Outputs::Tensor>& wanted);

/// Tolerance for this precision: a few roundings of the operands of products, and of sums over up to 4H terms.
double tolerance(Precision precision, rondo::Index H, bool backward);

class CudaLstm {
 public:
  /// `inputs` must outlive this object. The weights depend on the inputs' seed only.
  CudaLstm(const Inputs& inputs, Precision precision);

  void forward();
  /// Requires forward(). Sets the gradients to zero first.
  void backward();

  /// Both passes, after filling their buffers with NaN.
  Outputs outputs();

 private:
  const Inputs& inputs_;
  rondo::Lstm<float, Cuda> lstm_;
  rondo::Lstm<float, Cuda>::Cache cache_;
  rondo::LstmState<float, Cuda> state_, d_state_;
  rondo::Sequence<float, Cuda> dx_;
};

}  // namespace bench
