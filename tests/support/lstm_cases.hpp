// SPDX-License-Identifier: MIT
// One LSTM layer, forward and backward, on numbers that every backend, level and precision shares; and how near to the
// plain pass in double what came out has to be.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <rondo/core/random.hpp>
#include <rondo/cpu/lstm_plain.hpp>
#include <rondo/layers/initialise.hpp>
#include <rondo/layers/lstm_layer.hpp>

#include "support/catch.hpp"

namespace rondo_test {

using rondo::Index;

/// Shape of a case; without lengths it is dense.
struct LstmShape {
  Index C, H, B, T;
  std::vector<Index> lengths = {};
};

/// Lengths of every kind in no order, zeros among them; the longest is T.
inline std::vector<Index> unsorted_lengths(Index B, Index T) {
  std::vector<Index> lengths;
  for (Index b = 0; b < B; ++b) lengths.push_back((b * 5 + T) % (T + 1));
  return lengths;
}

/// A column-major matrix with rows of not-a-number below each column and columns of it on either side, which nobody may
/// touch.
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

/// What goes in, as floats. Padding of x and dy is whatever the pass under test shall ignore.
struct LstmCase {
  LstmShape shape;
  rondo::Sequence<float> W, R, b, x, h0, c0, dy, dh_end, dc_end;  // matrices are sequences of one step

  /// Weights of a size that keeps the gates off their ends and the recurrence from amplifying; a state and gradients of
  /// it that are not zero.
  LstmCase(const LstmShape& s, std::uint64_t seed) : shape(s) {
    rondo::Rng rng(seed);
    const auto draw = [&](rondo::Sequence<float>& to, Index rows, Index cols, double deviation) {
      to.resize(rows, cols, 1);
      rondo::initialise_normal(to.flat(), deviation, rng);
    };
    const double small = 1 / std::sqrt(static_cast<double>(s.C + s.H));
    draw(W, 4 * s.H, s.C, small), draw(R, 4 * s.H, s.H, small), draw(b, 4 * s.H, 1, 0.5);
    for (auto* state : {&h0, &c0, &dh_end, &dc_end}) draw(*state, s.H, s.B, 0.5);
    x.resize(s.C, s.B, s.T), dy.resize(s.H, s.B, s.T);
    rondo::initialise_normal(x.flat(), 1, rng);
    rondo::initialise_normal(dy.flat(), 1, rng);
    x.set_lengths(s.lengths), dy.set_lengths(s.lengths);
  }

  /// x or dy with `value` in its padding.
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
};

/// Everything that comes out: gradients of the weights (added to ones), of the inputs and the initial state, the
/// outputs and the final state, by name.
struct LstmResults {
  std::vector<std::pair<std::string, std::vector<double>>> tensors;
  bool guards_untouched = true;

  template <class Scalar>
  void add(const std::string& name, rondo::MatrixView<const Scalar> values) {
    std::vector<double> copy;
    for (Index j = 0; j < values.cols; ++j)
      for (Index i = 0; i < values.rows; ++i) copy.push_back(static_cast<double>(values(i, j)));
    tensors.emplace_back(name, std::move(copy));
  }
};

/// By the plain pass in double, which tests/layers checks against loops and central differences.
inline LstmResults reference(const LstmCase& in) {
  const auto [C, H, B, T, lengths] = in.shape;
  const auto wide = [](const rondo::Sequence<float>& from) { return LstmCase::padded<double>(from, 0); };
  const auto W = wide(in.W), R = wide(in.R), b = wide(in.b), x = wide(in.x), dy = wide(in.dy);
  rondo::LstmLayerCache<double> cache;
  cache.h0 = wide(in.h0), cache.c0 = wide(in.c0);
  cache.gates.resize_like(x, 4 * H);
  for (auto* s : {&cache.c, &cache.tanh_c, &cache.y}) s->resize_like(x, H);
  const rondo::LstmWeights<const double> weights{W.flat(), R.flat(), b.flat()};
  rondo::lstm_forward_plain(rondo::Cpu{}, weights, x, cache);
  rondo::Sequence<double> h(H, B, 1), c(H, B, 1), dW(4 * H, C, 1), dR(4 * H, H, 1), db(4 * H, 1, 1), dx(C, B, T);
  rondo::lstm_final_state(rondo::Cpu{}, cache, h.at(0), c.at(0));
  for (auto* g : {&dW, &dR, &db}) rondo::fill(rondo::Cpu{}, g->flat(), 1.0);
  auto dh = wide(in.dh_end), dc = wide(in.dc_end);
  rondo::lstm_backward_plain(rondo::Cpu{}, weights, x, dy, cache,
                             rondo::LstmWeights<double>{dW.flat(), dR.flat(), db.flat()}, dh.flat(), dc.flat(), &dx);
  LstmResults out;
  for (auto [name, s] : {std::pair{"y", &cache.y},
                         {"h", &h},
                         {"c", &c},
                         {"dW", &dW},
                         {"dR", &dR},
                         {"db", &db},
                         {"dx", &dx},
                         {"dh0", &dh},
                         {"dc0", &dc}})
    out.add<double>(name, s->flat());
  return out;
}

/// By LstmLayer in float at the level and with the threads in use. `cache` may hold anything from calls before; padding
/// is not-a-number.
inline LstmResults run(const LstmCase& in, rondo::LstmLayer<float>::Cache& cache, bool with_dx = true) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const auto [C, H, B, T, lengths] = in.shape;
  rondo::Rng rng(0);
  rondo::LstmLayer<float> layer(C, H, 0, rng);
  rondo::copy(rondo::Cpu{}, in.W.flat(), layer.W().value());
  rondo::copy(rondo::Cpu{}, in.R.flat(), layer.R().value());
  rondo::copy(rondo::Cpu{}, in.b.flat(), layer.b().value());
  for (auto* p : {&layer.W(), &layer.R(), &layer.b()}) rondo::fill(rondo::Cpu{}, p->grad(), 1.0f);
  Guarded<float> h(H, B), c(H, B), dh(H, B), dc(H, B);
  rondo::copy(rondo::Cpu{}, in.h0.flat(), h.view());
  rondo::copy(rondo::Cpu{}, in.c0.flat(), c.view());
  rondo::copy(rondo::Cpu{}, in.dh_end.flat(), dh.view());
  rondo::copy(rondo::Cpu{}, in.dc_end.flat(), dc.view());

  const auto x = LstmCase::padded(in.x, kNan), dy = LstmCase::padded(in.dy, kNan);
  rondo::Sequence<float> dx(C, B, T);
  rondo::fill(rondo::Cpu{}, dx.flat(), kNan);
  LstmResults out;
  out.add<float>("y", layer.forward(x, h.view(), c.view(), cache).flat());
  layer.backward(x, dy, cache, dh.view(), dc.view(), with_dx ? &dx : static_cast<decltype(&dx)>(nullptr));
  out.add<float>("h", h.view());
  out.add<float>("c", c.view());
  out.add<float>("dW", layer.W().grad());
  out.add<float>("dR", layer.R().grad());
  out.add<float>("db", layer.b().grad());
  if (with_dx) out.add<float>("dx", dx.flat());
  out.add<float>("dh0", dh.view());
  out.add<float>("dc0", dc.view());
  out.guards_untouched = h.untouched() && c.untouched() && dh.untouched() && dc.untouched();
  return out;
}

/// How far rounding may take a float pass, relative to a tensor's largest value or to 1: a value meets C + H + 1
/// multiply-adds and four functions and products of some 8 roundings each at each of T steps forward and T steps back,
/// none of which amplifies (LstmCase); a weight's gradient sums B * T of those.
inline double tolerance(const LstmShape& s) {
  const double step = static_cast<double>(s.C + s.H + 1 + 4 * 8);
  return 0x1p-24 * (2 * static_cast<double>(s.T) * step + static_cast<double>(s.B * s.T));
}

inline double largest(const std::vector<double>& values) {
  double most = 0;
  for (double v : values) most = std::max(most, std::abs(v));
  return most;
}

/// Requires that `got` is within the tolerance of `exact`, tensor by tensor.
inline void require_close(const LstmShape& shape, const LstmResults& got, const LstmResults& exact) {
  REQUIRE(got.guards_untouched);
  for (const auto& [name, values] : got.tensors) {
    const auto& wanted = std::find_if(exact.tensors.begin(), exact.tensors.end(), [&, &name = name](const auto& t) {
                           return t.first == name;
                         })->second;
    REQUIRE(values.size() == wanted.size());
    double worst = 0;
    for (std::size_t n = 0; n < values.size(); ++n) {
      const double error = std::abs(values[n] - wanted[n]);
      worst = std::isnan(error) || std::isnan(worst) ? NAN : std::max(worst, error);
    }
    INFO(name << " is off by " << worst);
    REQUIRE(worst <= tolerance(shape) * std::max(1.0, largest(wanted)));
  }
}

inline std::string text(const LstmShape& s) {
  return "C " + std::to_string(s.C) + ", H " + std::to_string(s.H) + ", B " + std::to_string(s.B) + ", T " +
         std::to_string(s.T) + (s.lengths.empty() ? "" : ", ragged");
}

}  // namespace rondo_test
