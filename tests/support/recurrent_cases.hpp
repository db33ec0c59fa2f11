// SPDX-License-Identifier: MIT
// Cases of one recurrent layer, forward and backward, shared by the tests of every backend, level and precision; and
// the tolerance for their results relative to the plain pass in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <rondo/core/random.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/initialise.hpp>
#include <rondo/layers/recurrent_layer.hpp>
#include <rondo/math/cells/lstm.hpp>

#include "support/catch.hpp"

namespace rondo_test {

using rondo::Index;

/// Shape of a case; without lengths the batch is dense.
struct CaseShape {
  Index C, H, B, T;
  std::vector<Index> lengths = {};
  rondo::Direction direction = rondo::Direction::forward;
  rondo::Precision precision = rondo::Precision::fp32;
  Index projection = 0;

  rondo::RecurrentConfig config() const {
    return {.input = C, .hidden = H, .projection = projection, .precision = precision};
  }
};

/// Unsorted lengths of all sizes, including zero; the longest is T.
inline std::vector<Index> unsorted_lengths(Index B, Index T) {
  const Index step = (T + 1) % 5 == 0 ? 3 : 5;
  std::vector<Index> lengths;
  for (Index b = 0; b < B; ++b) lengths.push_back((b * step + T) % (T + 1));
  return lengths;
}

/// A column-major matrix with guard values (NaN): rows below each column and columns on either side. They must not be
/// accessed.
template <class Scalar>
class Guarded {
 public:
  static constexpr Index kGap = 3;
  Guarded(Index rows, Index cols)
      : rows_(rows),
        cols_(cols),
        values_(static_cast<std::size_t>((rows + kGap) * (cols + 2)), std::numeric_limits<Scalar>::quiet_NaN()) {}

  rondo::MatrixView<Scalar> view() { return {values_.data() + rows_ + kGap, rows_, cols_, rows_ + kGap}; }

  bool untouched() {
    for (Index j = 0; j < cols_ + 2; ++j)
      for (Index i = 0; i < rows_ + kGap; ++i)
        if ((j == 0 || j > cols_ || i >= rows_) &&
            !std::isnan(values_[static_cast<std::size_t>(i + j * (rows_ + kGap))]))
          return false;
    return true;
  }

 private:
  Index rows_, cols_;
  std::vector<Scalar> values_;
};

/// The inputs, as floats. The padding of x and dy has any values that the pass under test must ignore.
template <class Cell>
struct RecurrentCase {
  CaseShape shape;
  rondo::Sequence<float> x, h0, c0, dy, dh_end, dc_end;
  rondo::RecurrentLayer<Cell, float> layer;

  /// The size of weights keeps gates away from saturation and the recurrence from amplification; the state and its
  /// gradients are not zero.
  RecurrentCase(const CaseShape& s, std::uint64_t seed) : RecurrentCase(s, rondo::Rng(seed)) {}

  /// x or dy with `value` in the padding.
  template <class Scalar>
  static rondo::Sequence<Scalar> padded(const rondo::Sequence<float>& from, Scalar value) {
    rondo::Sequence<Scalar> to;
    to.resize_like(from, from.features());
    for (Index t = 0; t < from.time(); ++t)
      for (Index b = 0; b < from.batch(); ++b)
        for (Index i = 0; i < from.features(); ++i)
          to(i, b, t) = from.active(b, t) ? static_cast<Scalar>(from(i, b, t)) : value;
    return to;
  }

 private:
  RecurrentCase(const CaseShape& s, rondo::Rng rng) : shape(s), layer(s.config(), s.C, s.direction, rng) {
    const double small = 1 / std::sqrt(static_cast<double>(s.C + s.H));
    layer.for_each_parameter(
        [&](const rondo::Path&, auto& p) { rondo::initialise_normal(p.value(), p.cols() > 1 ? small : 0.5, rng); }, {},
        0);
    const Index P = layer.shape().output;
    const auto draw = [&](rondo::Sequence<float>& to, Index rows, Index time, double deviation) {
      to.resize(rows, s.B, time);
      rondo::initialise_normal(to.flat(), deviation, rng);
    };
    for (auto* h : {&h0, &dh_end}) draw(*h, P, 1, 0.5);
    for (auto* c : {&c0, &dc_end}) draw(*c, Cell::kHasC ? s.H : 0, 1, 0.5);
    draw(x, s.C, s.T, 1), draw(dy, P, s.T, 1);
    x.set_lengths(s.lengths), dy.set_lengths(s.lengths);
  }
};

/// All results by name: gradients of the weights (accumulated onto ones), of the inputs and of the initial state, the
/// outputs and the final state.
struct CaseResults {
  std::vector<std::pair<std::string, std::vector<double>>> tensors;
  bool guards_untouched = true;

  template <class Scalar>
  void add(const std::string& name, rondo::MatrixView<const Scalar> values) {
    std::vector<double> copy;
    for (Index j = 0; j < values.cols; ++j)
      for (Index i = 0; i < values.rows; ++i) copy.push_back(static_cast<double>(values(i, j)));
    tensors.emplace_back(name, std::move(copy));
  }

  template <class Cell, class Scalar>
  void add_gradients(const rondo::RecurrentLayer<Cell, Scalar>& layer) {
    auto& showing = const_cast<rondo::RecurrentLayer<Cell, Scalar>&>(layer);
    showing.for_each_parameter(
        [&](const rondo::Path& path, auto& p) { add<Scalar>("d " + std::string(path.text()), p.grad()); }, {}, 0);
  }
};

/// By RecurrentLayer with the current level and threads; in double that is the plain pass, which tests/layers compares
/// with loops and central differences. `cache` may hold data of earlier calls; padding is NaN.
template <class Scalar, class Cell>
CaseResults run(const RecurrentCase<Cell>& in, rondo::RecurrentCache<Scalar>& cache, bool with_dx = true) {
  constexpr Scalar kNan = std::numeric_limits<Scalar>::quiet_NaN();
  const Index C = in.shape.C, H = Cell::kHasC ? in.shape.H : 0, B = in.shape.B, P = in.h0.features();
  rondo::Rng rng(0);
  rondo::RecurrentLayer<Cell, Scalar> layer(in.shape.config(), C, in.shape.direction, rng);
  std::vector<rondo::MatrixView<const float>> values;
  in.layer.for_each_parameter([&](const rondo::Path&, const auto& p) { values.push_back(p.value()); }, {}, 0);
  std::size_t next = 0;
  layer.for_each_parameter(
      [&](const rondo::Path&, auto& p) {
        rondo::matrix(p.value()) = rondo::matrix(values[next++]).template cast<Scalar>();
        rondo::fill(rondo::Cpu{}, p.grad(), Scalar(1));
      },
      {}, 0);
  Guarded<Scalar> h(P, B), c(H, B), dh(P, B), dc(H, B);
  const auto set = [](Guarded<Scalar>& to, const rondo::Sequence<float>& from) {
    rondo::matrix(to.view()) = rondo::matrix(from.flat()).template cast<Scalar>();
  };
  set(h, in.h0), set(c, in.c0), set(dh, in.dh_end), set(dc, in.dc_end);

  using Case = RecurrentCase<Cell>;
  const auto x = Case::padded(in.x, kNan), dy = Case::padded(in.dy, kNan);
  rondo::Sequence<Scalar> y, dx;
  y.resize_like(x, P), dx.resize_like(x, C);
  rondo::fill(rondo::Cpu{}, y.flat(), kNan);
  rondo::fill(rondo::Cpu{}, dx.flat(), kNan);
  CaseResults out;
  layer.forward(x, h.view(), c.view(), y.view(), cache, rondo::Inference{});
  out.add<Scalar>("y", y.flat());
  rondo::RecurrentInputGradient<Scalar> to;
  if (with_dx) to.dx = dx.flat();
  layer.backward(x, y.view(), dy.view(), cache, dh.view(), dc.view(), to);
  out.add<Scalar>("y after backward", y.flat());
  out.add<Scalar>("h", h.view());
  if (H > 0) out.add<Scalar>("c", c.view());
  out.add_gradients(layer);
  if (with_dx) out.add<Scalar>("dx", dx.flat());
  out.add<Scalar>("dh0", dh.view());
  if (H > 0) out.add<Scalar>("dc0", dc.view());
  out.guards_untouched = h.untouched() && c.untouched() && dh.untouched() && dc.untouched();
  return out;
}

/// The plain pass in double.
template <class Cell>
CaseResults reference(const RecurrentCase<Cell>& in) {
  rondo::RecurrentCache<double> cache;
  return run<double>(in, cache);
}

/// Bound of the rounding errors of a float pass, relative to a tensor's largest value or to 1: at each of T steps
/// forward and T steps backward a value goes through C + H + 1 multiply-adds and four functions and products of about 8
/// roundings each, without amplification (RecurrentCase); a weight's gradient sums B * T of those.
inline double tolerance(const CaseShape& s) {
  const double step = static_cast<double>(s.C + s.H + 1 + 4 * 8);
  return 0x1p-24 * (2 * static_cast<double>(s.T) * step + static_cast<double>(s.B * s.T));
}

inline double largest(const std::vector<double>& values) {
  double most = 0;
  for (double v : values) most = std::max(most, std::abs(v));
  return most;
}

/// Requires that `got` is within the tolerance of `exact`, for every tensor.
inline void require_close(const CaseShape& shape, const CaseResults& got, const CaseResults& exact) {
  REQUIRE(got.guards_untouched);
  for (const auto& tensor : got.tensors) {
    const auto& [name, values] = tensor;
    const auto has_its_name = [&](const auto& other) { return other.first == tensor.first; };
    const auto& wanted = std::find_if(exact.tensors.begin(), exact.tensors.end(), has_its_name)->second;
    REQUIRE(values.size() == wanted.size());
    double worst = 0;
    for (std::size_t n = 0; n < values.size(); ++n) {
      const double error = std::abs(values[n] - wanted[n]);
      worst = std::isnan(error) || std::isnan(worst) ? NAN : std::max(worst, error);
    }
    INFO(name << " has error " << worst);
    REQUIRE(worst <= tolerance(shape) * std::max(1.0, largest(wanted)));
  }
}

inline std::string text(const CaseShape& s) {
  return "C " + std::to_string(s.C) + ", H " + std::to_string(s.H) + ", B " + std::to_string(s.B) + ", T " +
         std::to_string(s.T) + (s.lengths.empty() ? "" : ", ragged") +
         (s.projection > 0 ? ", projection " + std::to_string(s.projection) : "");
}

}  // namespace rondo_test
