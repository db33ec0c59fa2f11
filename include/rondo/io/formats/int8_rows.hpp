// SPDX-License-Identifier: MIT
// Rounds the matrices of recurrent layers to 8-bit integers with one scale for each row, for microcontrollers. A row is
// rounded so that its product with the vectors of a test run changes least, not each weight to the nearest integer:
// units of a layer are correlated, and the errors of two weights can cancel. The mean of what is left goes into the
// bias.
#pragma once

#include <rondo/core/random.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/io/inference_model.hpp>
#include <rondo/io/model_description.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// A row w = scale * q, |q| <= 127.
struct Int8Row {
  float scale = 1;
  std::vector<std::int8_t> q = {};
};

/// A model whose recurrent matrices hold the numbers of `rows`, by the names of their tensors.
struct Int8Model {
  ModelDescription model;
  std::map<std::string, std::vector<Int8Row>> rows = {};
};

/// Noise for C inputs, C x 1 x steps, exact in float: bursts of 500 steps, with more and with less high frequencies,
/// that begin with a deviation of 0.5 and decay to silence.
inline Sequence<double> test_noise(Index C, Index steps, std::uint64_t seed) {
  Rng rng(seed);
  Sequence<double> x(C, 1, steps);
  std::vector<double> smooth(static_cast<std::size_t>(C));
  for (Index t = 0; t < steps; ++t)
    for (Index i = 0; i < C; ++i) {
      auto& now = smooth[static_cast<std::size_t>(i)];
      const double kept = t / 500 % 2 == 0 ? 0.7 : 0.95;
      now = kept * now + 0.5 * std::sqrt(1 - kept * kept) * rng.normal();
      x.at(t)(i, 0) = static_cast<double>(static_cast<float>(now * std::exp(-static_cast<double>(t % 500) / 100)));
    }
  return x;
}

/// Inputs and outputs (row-major, T x C and T x K) of a model, computed in double from its initial state.
struct TestRun {
  std::vector<double> x, y;
};

/// Runs `model` on noise.
inline TestRun run_on_noise(const ModelDescription& model, Index steps, std::uint64_t seed) {
  const Sequence<double> x = test_noise(model.input(), steps, seed);
  const InferenceModel<double> network(model);
  InferenceModel<double>::Workspace work;
  auto state = network.initial_state(1);
  const Sequence<double>& y = network.forward(x, state, work);
  return {{x.data(), x.data() + x.features() * steps}, {y.data(), y.data() + y.features() * steps}};
}

/// The difference of two runs with the same inputs: the largest, and the sum of squares relative to that of `a`.
struct RunDifference {
  double largest = 0, relative_square = 0;
  RunDifference(const TestRun& a, const TestRun& b) {
    double squares = 1e-300, errors = 1e-300;
    for (std::size_t n = 0; n < a.y.size(); ++n) {
      const double difference = b.y[n] - a.y[n];
      largest = std::max(largest, std::abs(difference));
      squares += a.y[n] * a.y[n], errors += difference * difference;
    }
    relative_square = errors / squares;
  }
};

/// Mean and covariance of the vectors of a sequence.
class InputStatistics {
 public:
  /// ridge: added to the variances, relative to their mean. With a large one, each weight is rounded for itself.
  InputStatistics(const Sequence<double>& x, double ridge)
      : mean_(matrix(x.flat()).rowwise().mean()), covariance_(x.features(), x.features()) {
    const Eigen::MatrixXd centred = matrix(x.flat()).colwise() - mean_;
    covariance_ = centred * centred.transpose() / static_cast<double>(centred.cols());
    // Other inputs than those of the test go in all directions.
    covariance_.diagonal().array() += 1e-12 + ridge * covariance_.diagonal().mean();
  }

  const Eigen::VectorXd& mean() const { return mean_; }

  /// The integers for one scale, and the expected square of the error of the product.
  double round(const Eigen::VectorXd& w, double scale, Eigen::VectorXd& q) const {
    const auto integer = [&](double v) { return std::clamp(std::nearbyint(v), -127.0, 127.0); };
    q = (w / scale).unaryExpr(integer);
    Eigen::VectorXd error = w - scale * q, slope = covariance_ * error;
    for (int sweep = 0, changes = 1; sweep < 10 && changes > 0; ++sweep) {  // coordinate descent
      changes = 0;
      for (Index n = 0; n < w.size(); ++n) {
        const double best = integer(q[n] + slope[n] / (covariance_(n, n) * scale)), step = scale * (q[n] - best);
        if (best == q[n]) continue;
        q[n] = best, error[n] += step, slope += step * covariance_.col(n);
        ++changes;
      }
    }
    return error.dot(slope);
  }

 private:
  Eigen::VectorXd mean_;
  Eigen::MatrixXd covariance_;
};

/// The row as integers, with the best of several scales.
inline Int8Row round_to_int8(const Eigen::VectorXd& w, const InputStatistics& inputs) {
  Int8Row row{1, std::vector<std::int8_t>(static_cast<std::size_t>(w.size()))};
  const double largest = w.cwiseAbs().maxCoeff();
  double least = INFINITY;
  Eigen::VectorXd q;
  const int candidates = w.size() > 64 ? 4 : 40;
  for (int n = 0; largest > 0 && n <= candidates; ++n) {
    const auto scale = static_cast<float>(largest / (107 + 40.0 * n / candidates));
    const double error = inputs.round(w, static_cast<double>(scale), q);
    if (error >= least) continue;
    least = error, row.scale = scale;
    std::ranges::transform(q, row.q.begin(), [](double v) { return static_cast<std::int8_t>(v); });
  }
  return row;
}

/// Whether W of layer `layer` with this many inputs becomes int8: LayerTypes in embedded/weights.hpp has this rule,
/// too.
inline bool has_int8_inputs(Index layer, Index inputs) { return layer > 0 || inputs > 4; }

/// Rounds a model to int8.
class Int8Rounder {
 public:
  Int8Rounder(const ModelDescription& model, double ridge) : original_(model), ridge_(ridge), result_{model} {}

  Int8Model round() {
    for (std::size_t n = 0; n < original_.modules.size(); ++n) {
      const auto* recurrent = std::get_if<RecurrentModule>(&original_.modules[n].part);
      if (recurrent == nullptr) continue;
      std::get<RecurrentModule>(result_.model.modules[n].part).config.bias = true;
      Sequence<double> inputs = outputs(n, 0);
      for (Index l = 0; l < recurrent->config.layers; ++l) {
        const Sequence<double> h = outputs(n, l + 1);
        const std::string end = "_l" + std::to_string(l);
        require_bias(n, "bias_ih" + end), require_bias(n, "bias_hh" + end);
        if (has_int8_inputs(l, recurrent->config.input)) round(n, "weight_ih" + end, "bias_ih" + end, inputs);
        round(n, "weight_hh" + end, "bias_hh" + end, h);
        inputs = h;
      }
    }
    return std::move(result_);
  }

 private:
  /// Outputs of `layers` layers of module n, in double; of the module before for 0.
  Sequence<double> outputs(std::size_t n, Index layers) const {
    Sequence<double> x = test_noise(original_.input(), 3000, 1);
    if (n == 0 && layers == 0) return x;
    ModelDescription part = original_;
    part.modules.resize(layers == 0 ? n : n + 1);
    if (layers > 0) std::get<RecurrentModule>(part.modules.back().part).config.layers = layers;
    const InferenceModel<double> network(part);
    InferenceModel<double>::Workspace work;
    auto state = network.initial_state(1);
    return network.forward(x, state, work);
  }

  std::string full(std::size_t n, const std::string& name) const { return tensor_name(original_.modules[n], name); }

  Index rows_of(std::size_t n) const {
    const auto& m = std::get<RecurrentModule>(original_.modules[n].part);
    return (m.cell == CellType::gru ? 3 : 4) * m.config.hidden;
  }

  void require_bias(std::size_t n, const std::string& name) {
    auto& weights = result_.model.weights;
    if (weights.tensors.contains(full(n, name))) return;
    weights.add<double>(full(n, name), {rows_of(n)}, std::vector<double>(static_cast<std::size_t>(rows_of(n))));
  }

  void round(std::size_t n, const std::string& matrix, const std::string& bias, const Sequence<double>& inputs) {
    auto& tensors = result_.model.weights.tensors;
    const InputStatistics statistics(inputs, ridge_);
    const Index rows = rows_of(n), columns = inputs.features();
    auto w = Safetensors::values<double>(full(n, matrix), tensors.at(full(n, matrix)));
    auto b = Safetensors::values<double>(full(n, bias), tensors.at(full(n, bias)));
    for (Index i = 0; i < rows; ++i) {
      const Eigen::Map<Eigen::VectorXd> row(&w[static_cast<std::size_t>(i * columns)], columns);
      const Int8Row rounded = round_to_int8(row, statistics);
      double& bias_of_row = b[static_cast<std::size_t>(i)];
      bias_of_row += statistics.mean().dot(row);
      for (Index j = 0; j < columns; ++j)
        w[static_cast<std::size_t>(i * columns + j)] =
            static_cast<double>(rounded.scale) * static_cast<double>(rounded.q[static_cast<std::size_t>(j)]);
      bias_of_row -= statistics.mean().dot(row);
      result_.rows[full(n, matrix)].push_back(rounded);
    }
    tensors.erase(full(n, matrix)), tensors.erase(full(n, bias));
    result_.model.weights.add<double>(full(n, matrix), {rows, columns}, w);
    result_.model.weights.add<double>(full(n, bias), {rows}, b);
  }

  const ModelDescription& original_;
  double ridge_;
  Int8Model result_;
};

/// A model rounded to int8, with the ridge whose outputs are nearest to those of the model on noise.
inline Int8Model rounded_to_int8(const ModelDescription& model) {
  const TestRun before = run_on_noise(model, 3000, 3);
  std::optional<Int8Model> best;
  double least = INFINITY;
  for (double ridge : {1e-3, 1e-2, 1e-1, 1e3}) {
    Int8Model rounded = Int8Rounder(model, ridge).round();
    const double error = RunDifference(before, run_on_noise(rounded.model, 3000, 3)).relative_square;
    if (best && !(error < least)) continue;
    least = error, best = std::move(rounded);
  }
  return *std::move(best);
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI
