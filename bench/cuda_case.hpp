// SPDX-License-Identifier: MIT
// One LSTM on the GPU with its inputs, and what a forward and a backward pass make of them: to be timed, and to be held
// against the same passes done otherwise. Every pass begins at the same state, which is not zero.
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

/// What the passes of all precisions and algorithms share.
struct Inputs {
  Inputs(const Shape& shape, std::uint64_t seed);

  Shape shape;
  std::uint64_t seed;
  rondo::Sequence<float, Cuda> x, dy;  // C x B x T, H x B x T: uniform in [-1, 1)
};

/// What passes leave. Of a long sequence the whole enters into the norm, some steps into the values.
struct Outputs {
  struct Tensor {
    std::string name;
    double norm = 0;
    std::vector<float> values;
  };
  std::vector<Tensor> forward, backward;
};

/// The largest ||got - wanted|| / ||wanted|| of the tensors, and which one's it is. Not-a-number if anything is.
struct Difference {
  double error = 0;
  std::string tensor;
};
Difference largest_difference(const std::vector<Outputs::Tensor>& got, const std::vector<Outputs::Tensor>& wanted);

/// What that may be for this precision: some roundings of the factors of products, and of sums over up to 4H terms.
double tolerance(Precision precision, rondo::Index H, bool backward);

class CudaLstm {
 public:
  /// `inputs` must outlive it. Weights depend on the inputs' seed alone.
  CudaLstm(const Inputs& inputs, Precision precision);

  void forward();
  /// After forward(). Sets the gradients to zero first.
  void backward();

  /// Both passes, over memory full of not-a-number.
  Outputs outputs();

 private:
  const Inputs& inputs_;
  rondo::Lstm<float, Cuda> lstm_;
  rondo::Lstm<float, Cuda>::Cache cache_;
  rondo::LstmState<float, Cuda> state_, d_state_;
  rondo::Sequence<float, Cuda> dx_;
};

}  // namespace bench
