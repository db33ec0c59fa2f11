// SPDX-License-Identifier: MIT
// The cell alone, one value at a time: closed forms in which exactly one term is non-zero, so that each factor of each
// equation is tested separately; then the same equations on Eigen columns.
#include <cmath>
#include <limits>

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/recurrent.hpp>
#include <rondo/math/cells/lstm.hpp>

#include "support/catch.hpp"

using namespace rondo;

namespace {

constexpr double kOpen = 40;     // sigmoid: exactly 1
constexpr double kClosed = -40;  // sigmoid: 4e-18

struct Cell {
  double i, f, g, o, c_before;      // pre-activations in, gates out
  double c = 0, tanh_c = 0, h = 0;  // outputs
};

Cell forward(Cell cell) {
  double z[] = {cell.i, cell.f, cell.g, cell.o};
  equations::Equations<LstmCell>::forward(z, cell.c_before, cell.c, cell.tanh_c, cell.h);
  cell.i = z[0], cell.f = z[1], cell.g = z[2], cell.o = z[3];
  return cell;
}

struct Slopes {
  double i, f, g, o;  // gradients of the pre-activations
  double c_before;
};

Slopes backward(const Cell& cell, double dh, double dc) {
  const double gates[] = {cell.i, cell.f, cell.g, cell.o};
  double dz[4];
  equations::Equations<LstmCell>::backward(gates, cell.c_before, cell.tanh_c, dh, dc, dz);
  return {dz[0], dz[1], dz[2], dz[3], dc};
}

}  // namespace

TEST_CASE("sigmoid: one half at zero, symmetric, exact at the extremes") {
  CHECK(sigmoid(0.0) == 0.5);
  CHECK(sigmoid(1.0) == Approx(0.73105857863000488).epsilon(1e-15));
  for (const double x : {0.1, 1.0, 5.0, 30.0}) CHECK(sigmoid(x) + sigmoid(-x) == Approx(1).epsilon(1e-15));
  CHECK(sigmoid(1e4) == 1);
  CHECK(sigmoid(-1e4) == 0);
  CHECK(sigmoid(-1e4f) == 0);
  CHECK(sigmoid(std::numeric_limits<double>::infinity()) == 1);
  CHECK(sigmoid(-std::numeric_limits<double>::infinity()) == 0);
  CHECK(std::isnan(sigmoid(std::numeric_limits<double>::quiet_NaN())));
}

TEMPLATE_TEST_CASE("sigmoid and tanh on columns: bounded and monotone, also at the extremes", "", float, double) {
  using Column = Eigen::Array<TestType, Eigen::Dynamic, 1>;
  const Column x = Column::LinSpaced(4001, -120, 120);
  const Column s = sigmoid(x), t = x.tanh();
  const TestType tiny = std::numeric_limits<TestType>::min();
  const Eigen::Index n = x.size();
  // Neighbouring values may deviate by the functions' error, a few units in the last place.
  const TestType slack = 4 * std::numeric_limits<TestType>::epsilon();
  CHECK((s >= 0 && s <= 1).all());
  CHECK((t >= -1 && t <= 1).all());
  CHECK((s.tail(n - 1) - s.head(n - 1) >= -slack).all());
  CHECK((t.tail(n - 1) - t.head(n - 1) >= -slack).all());
  CHECK(s[0] < TestType(1e-37));
  CHECK(s[n - 1] == 1);
  CHECK(t[0] == Approx(-1).margin(double(slack)));
  CHECK(t[n - 1] == Approx(1).margin(double(slack)));
  for (Eigen::Index k = 0; k < n; ++k) {
    CHECK(double(s[k]) == Approx(1 / (1 + std::exp(-double(x[k])))).epsilon(64 * double(slack)).margin(double(tiny)));
    CHECK(double(t[k]) == Approx(std::tanh(double(x[k]))).epsilon(double(slack)));
  }
}

TEST_CASE("forward, one non-zero term: the forget gate keeps the cell") {
  const Cell cell = forward({kClosed, kOpen, 1.3, kOpen, 0.7});
  CHECK(cell.c == Approx(0.7).epsilon(1e-15));
  CHECK(cell.h == Approx(std::tanh(0.7)).epsilon(1e-15));
  CHECK(cell.tanh_c == Approx(std::tanh(0.7)).epsilon(1e-15));
  CHECK(forward({kClosed, 0, 1.3, kOpen, 0.7}).c == Approx(0.35).epsilon(1e-15));
  CHECK(forward({kClosed, kClosed, 1.3, kOpen, 0.7}).c == Approx(0).margin(1e-15));
}

TEST_CASE("forward, one non-zero term: the input gate writes the candidate") {
  CHECK(forward({kOpen, kClosed, 1.3, kOpen, 0.7}).c == Approx(std::tanh(1.3)).epsilon(1e-15));
  CHECK(forward({0, kClosed, 1.3, kOpen, 0.7}).c == Approx(0.5 * std::tanh(1.3)).epsilon(1e-15));
  CHECK(forward({0, kClosed, -1.3, kOpen, 0.7}).c == Approx(-0.5 * std::tanh(1.3)).epsilon(1e-15));
}

TEST_CASE("forward: the output gate passes or blocks the cell") {
  CHECK(forward({kClosed, kOpen, 0, 0, 0.7}).h == Approx(0.5 * std::tanh(0.7)).epsilon(1e-15));
  CHECK(forward({kClosed, kOpen, 0, kClosed, 0.7}).h == Approx(0).margin(1e-15));
  CHECK(forward({kClosed, kOpen, 0, kClosed, 0.7}).c == Approx(0.7));
}

TEST_CASE("backward, one non-zero term: dc through the forget gate") {
  const Cell cell = forward({kClosed, 0, 0, kClosed, 0.7});
  const Slopes d = backward(cell, 0, 2);
  CHECK(d.c_before == Approx(2 * 0.5));
  CHECK(d.f == Approx(2 * 0.7 * 0.25));  // dc c_before f (1 - f)
  CHECK(d.i == Approx(0).margin(1e-15));
  CHECK(d.g == Approx(0).margin(1e-15));
  CHECK(d.o == 0);
}

TEST_CASE("backward, one non-zero term: dc through input gate and candidate") {
  const Slopes at_input = backward(forward({0, kClosed, kOpen, kClosed, 0.7}), 0, 2);  // g = 1: its slope is zero
  CHECK(at_input.i == Approx(2 * 1 * 0.25));                                           // dc g i (1 - i)
  CHECK(at_input.g == Approx(0).margin(1e-15));
  CHECK(at_input.f == Approx(0).margin(1e-15));
  CHECK(at_input.c_before == Approx(0).margin(1e-15));
  const Slopes at_candidate = backward(forward({kOpen, kClosed, 0.5, kClosed, 0.7}), 0, 2);  // i = 1: its slope is zero
  CHECK(at_candidate.g == Approx(2 * (1 - std::pow(std::tanh(0.5), 2))));                    // dc i (1 - g^2)
  CHECK(at_candidate.i == Approx(0).margin(1e-15));
}

TEST_CASE("backward, one non-zero term: dh through the output gate and into the cell") {
  const Slopes d = backward(forward({kClosed, kOpen, 0, 0, 0.7}), 3, 0);
  const double t = std::tanh(0.7);
  CHECK(d.o == Approx(3 * t * 0.25));                  // dh tanh(c) o (1 - o)
  CHECK(d.c_before == Approx(3 * 0.5 * (1 - t * t)));  // dh o (1 - tanh(c)^2) f
  const Slopes hidden = backward(forward({kClosed, kOpen, 0, kClosed, 0.7}), 3, 0);
  CHECK(hidden.c_before == Approx(0).margin(1e-15));
}

TEST_CASE("backward agrees with differences of forward when all terms are non-zero") {
  const Cell at{0.3, -0.4, 0.8, 0.6, -1.1};
  const double dh = 0.9, dc = -0.7, step = 1e-6;
  const auto loss = [&](const Cell& cell) {
    const Cell out = forward(cell);
    return dh * out.h + dc * out.c;
  };
  const Slopes d = backward(forward(at), dh, dc);
  const auto slope = [&](double Cell::*which) {
    Cell above = at, below = at;
    above.*which += step, below.*which -= step;
    return (loss(above) - loss(below)) / (2 * step);
  };
  CHECK(d.i == Approx(slope(&Cell::i)).epsilon(1e-8));
  CHECK(d.f == Approx(slope(&Cell::f)).epsilon(1e-8));
  CHECK(d.g == Approx(slope(&Cell::g)).epsilon(1e-8));
  CHECK(d.o == Approx(slope(&Cell::o)).epsilon(1e-8));
  CHECK(d.c_before == Approx(slope(&Cell::c_before)).epsilon(1e-8));
}
