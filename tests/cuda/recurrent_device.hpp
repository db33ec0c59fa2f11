// SPDX-License-Identifier: MIT
// One recurrent layer on the device, forward and backward, with the cases of the CPU's tests.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <rondo/cuda.hpp>
#include <rondo/layers/recurrent_layer.hpp>
#include <rondo/math/cells/gru.hpp>
#include <rondo/math/cells/lstm.hpp>
#include <rondo/math/cells/lstm_variants.hpp>

#include "cuda/device_matrix.hpp"
#include "support/recurrent_cases.hpp"

namespace rondo_test {

using rondo::GruCell;
using rondo::LstmCell;
using rondo::PeepholeLstmCell, rondo::CoupledLstmCell, rondo::CoupledPeepholeLstmCell;
using rondo::Precision;
using rondo::cuda::RecurrentAlgorithm;

inline constexpr RecurrentAlgorithm kAlgorithms[] = {
    RecurrentAlgorithm::stepwise, RecurrentAlgorithm::graph, RecurrentAlgorithm::grid_persistent,
    RecurrentAlgorithm::cluster_persistent, RecurrentAlgorithm::dataflow_persistent};

/// Unit roundoff of tf32 operands: a GPU may truncate them to 10 bits after the point instead of rounding.
inline constexpr double kTf32Roundoff = 0x1p-11;

/// Sets the algorithm of passes until the end of its scope.
class AlgorithmGuard {
 public:
  explicit AlgorithmGuard(RecurrentAlgorithm algorithm)
      : former_(rondo::cuda::Context::current().recurrent_algorithm()) {
    rondo::cuda::Context::current().set_recurrent_algorithm(algorithm);
  }
  ~AlgorithmGuard() { rondo::cuda::Context::current().set_recurrent_algorithm(former_); }

 private:
  RecurrentAlgorithm former_;
};

/// Bidirectional networks against the CPU in double: recurrent_full.cpp.
void check_bidirectional();

template <class Scalar>
Matrix<Scalar> matrix_of(rondo::MatrixView<const float> from) {
  Matrix<Scalar> m(from.rows, from.cols);
  for (Index j = 0; j < from.cols; ++j)
    for (Index i = 0; i < from.rows; ++i) m(i, j) = static_cast<Scalar>(from(i, j));
  return m;
}

/// Some rows of a taller sequence on the device, as for one direction of a bidirectional layer; the others hold NaN.
template <class Scalar>
class RowBlock {
 public:
  RowBlock(Index first, Index rows, const rondo::Sequence<Scalar>& like) : first_(first), rows_(rows) {
    all_.resize_like(rondo::to<Cuda>(like), first + rows);
    fill(Cuda{}, all_.flat(), std::numeric_limits<Scalar>::quiet_NaN());
  }

  rondo::SequenceView<Scalar> view() { return all_.view().row_block(first_, rows_); }

  /// Whether the other rows are unchanged.
  bool others_untouched() {
    bool untouched = true;
    if (first_ == 0) return true;
    const auto others = rondo::to<Cpu>(all_);
    for (Index b = 0; b < others.batch() * others.time(); ++b)
      for (Index i = 0; i < first_; ++i) untouched = untouched && std::isnan(others.flat()(i, b));
    return untouched;
  }

 private:
  Index first_, rows_;
  rondo::Sequence<Scalar, Cuda> all_;
};

struct DeviceRun {
  Precision precision = Precision::fp32;
  Index rows_above = 0;  // the outputs and their gradients are rows of taller sequences, below this many rows
  bool with_dx = true;
  bool add_to_dx = false;  // whose initial value is one
};

/// By RecurrentLayer in the calling thread's context. `cache` may hold data of earlier calls; padding is NaN; states
/// are surrounded by guard values.
template <class Scalar = float, class Cell>
CaseResults run_on_device(const RecurrentCase<Cell>& in, rondo::RecurrentCache<Scalar, Cuda>& cache,
                          const DeviceRun& how = {}) {
  constexpr Scalar kNan = std::numeric_limits<Scalar>::quiet_NaN();
  using Case = RecurrentCase<Cell>;
  rondo::Rng rng(0);
  auto config = in.shape.config();
  config.precision = how.precision;
  rondo::RecurrentLayer<Cell, Scalar, Cuda> layer(config, in.shape.C, in.shape.direction, rng);
  std::vector<rondo::MatrixView<const float>> values;
  in.layer.for_each_parameter([&](const rondo::Path&, const auto& p) { values.push_back(p.value()); }, {}, 0);
  std::size_t next = 0;
  layer.for_each_parameter(
      [&](const rondo::Path&, auto& p) {
        const Matrix<Scalar> value = matrix_of<Scalar>(values[next++]);
        upload(Cuda{}, value.view(), p.value());
        fill(Cuda{}, p.grad(), Scalar(1));
      },
      {}, 0);
  DeviceMatrix<Scalar> h(matrix_of<Scalar>(in.h0.flat())), c(matrix_of<Scalar>(in.c0.flat()), 3);
  DeviceMatrix<Scalar> dh(matrix_of<Scalar>(in.dh_end.flat()), 3), dc(matrix_of<Scalar>(in.dc_end.flat()));

  const auto x_host = Case::padded(in.x, kNan), dy_host = Case::padded(in.dy, kNan);
  const auto x = rondo::to<Cuda>(x_host);
  const Index P = layer.shape().output;
  RowBlock<Scalar> y(how.rows_above, P, x_host), dy(how.rows_above, P, x_host);
  const auto dy_there = rondo::to<Cuda>(dy_host);
  copy(Cuda{}, dy_there.flat(), dy.view().flat);
  rondo::Sequence<Scalar, Cuda> dx;
  dx.resize_like(x, in.shape.C);
  fill(Cuda{}, dx.flat(), how.add_to_dx ? Scalar(1) : kNan);

  CaseResults out;
  const auto add = [&](const std::string& name, rondo::MatrixView<const Scalar> on_device) {
    Matrix<Scalar> host(on_device.rows, on_device.cols);
    download(Cuda{}, on_device, host.view());
    out.add<Scalar>(name, std::as_const(host).view());
  };
  const auto add_matrix = [&](const std::string& name, DeviceMatrix<Scalar>& on_device) {
    const Matrix<Scalar> host = on_device.get();
    out.add<Scalar>(name, host.view());
  };
  layer.forward(x, h.view(), c.view(), y.view(), cache, rondo::Inference{});
  add("y", y.view().flat);
  rondo::RecurrentInputGradient<Scalar, Cuda> to;
  if (how.with_dx) to = {.dx = dx.flat(), .add = how.add_to_dx};
  layer.backward(x, y.view(), dy.view(), cache, dh.view(), dc.view(), to);
  add("y after backward", y.view().flat);
  add_matrix("h", h);
  if (Cell::kHasC) add_matrix("c", c);
  layer.for_each_parameter([&](const rondo::Path& path, auto& p) { add("d " + std::string(path.text()), p.grad()); },
                           {}, 0);
  if (how.with_dx) {
    add("dx", std::as_const(dx).flat());
    if (how.add_to_dx)
      for (double& value : out.tensors.back().second) value -= 1;
  }
  add_matrix("dh0", dh);
  if (Cell::kHasC) add_matrix("dc0", dc);
  out.guards_untouched = y.others_untouched();
  return out;
}

/// ||got - exact|| / ||exact|| of one tensor.
inline double relative_error(const std::vector<double>& got, const std::vector<double>& exact) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    difference += (got[i] - exact[i]) * (got[i] - exact[i]);
    norm += exact[i] * exact[i];
  }
  return std::sqrt(difference / norm);
}

template <class Cell>
std::string text(RecurrentAlgorithm asked, const CaseShape& s) {
  return std::string(Cell::kName) + ", " + rondo::cuda::name(asked) + ", ran " +
         rondo::cuda::name(rondo::cuda::Context::current().last_algorithm()) + ": " + text(s) +
         (s.direction == rondo::Direction::reverse ? ", in reverse" : "");
}

}  // namespace rondo_test
