// SPDX-License-Identifier: MIT
// Simple recurrent networks of every cell and option in double, for comparison: loops over units, one sequence at a
// time, no Eigen, none of the library's equations. Weights are found by their names.
#pragma once

#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include <rondo/core/parameter.hpp>
#include <rondo/layers/recurrent_config.hpp>

namespace rondo_test {

using NaiveVector = std::vector<double>;
using NaiveSteps = std::vector<NaiveVector>;  // [t][feature]

inline double naive_logistic(double z) { return 1 / (1 + std::exp(-z)); }

/// (x - mean) / sqrt(variance + 1e-5)
inline NaiveVector naive_normalised(NaiveVector x) {
  const auto n = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  for (double value : x) mean += value / n;
  for (double value : x) variance += (value - mean) * (value - mean) / n;
  for (double& value : x) value = (value - mean) / std::sqrt(variance + 1e-5);
  return x;
}

/// A network's weights, [row][column], by PyTorch's names.
class NaiveWeights {
 public:
  template <class Network>
  explicit NaiveWeights(const Network& network) {
    network.for_each_parameter([&](const rondo::Path& path, const auto& p) {
      auto& rows = tensors_[std::string(path.text())];
      for (rondo::Index i = 0; i < p.rows(); ++i) {
        auto& row = rows.emplace_back();
        for (rondo::Index j = 0; j < p.cols(); ++j) row.push_back(static_cast<double>(p.value()(i, j)));
      }
    });
  }

  /// Rows of gate `gate` times x; H zeros if the tensor does not exist.
  NaiveVector product(const std::string& name, std::size_t gate, std::size_t H, const NaiveVector& x) const {
    NaiveVector product(H);
    if (const auto found = tensors_.find(name); found != tensors_.end())
      for (std::size_t u = 0; u < H; ++u)
        for (std::size_t k = 0; k < x.size(); ++k) product[u] += found->second.at(gate * H + u).at(k) * x[k];
    return product;
  }

  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  std::size_t rows(const std::string& name) const { return tensors_.at(name).size(); }
  double at(const std::string& name, std::size_t row, std::size_t column) const {
    return tensors_.at(name).at(row).at(column);
  }

 private:
  std::map<std::string, std::vector<std::vector<double>>> tensors_;
};

/// One direction of one layer, with its state.
struct NaiveCell {
  const NaiveWeights& weights;
  const rondo::RecurrentConfig& config;
  std::string suffix;  // "0", "1_reverse"
  NaiveVector h, c;

  std::size_t H() const { return static_cast<std::size_t>(config.hidden); }

  /// W x and its bias, R h and its bias, of one gate.
  NaiveVector from_x(std::size_t gate, const NaiveVector& x) const { return affine("ih", gate, x); }
  NaiveVector from_h(std::size_t gate) const { return affine("hh", gate, h); }

  /// With three gates the input gate is 1 - f. Peephole weights, if present, have one value per unit for the input gate
  /// (unless it is 1 - f), the forget gate and the output gate.
  void lstm(const NaiveVector& x) {
    const bool coupled = weights.rows("weight_ih_l" + suffix) == 3 * H();
    const std::size_t forget = coupled ? 0 : 1, candidate = forget + 1, output = forget + 2;
    NaiveVector z[4];
    for (std::size_t gate = 0; gate <= output; ++gate) {
      z[gate] = from_x(gate, x);
      const NaiveVector r = from_h(gate);
      for (std::size_t u = 0; u < H(); ++u) z[gate][u] += r[u];
    }
    const auto peephole = [&](std::size_t u, std::size_t column) {
      const std::string name = "peephole_l" + suffix;
      return weights.has(name) ? weights.at(name, u, column) : 0;
    };
    NaiveVector c_next(H()), cell_output(H());
    for (std::size_t u = 0; u < H(); ++u) {
      const double f = naive_logistic(z[forget][u] + peephole(u, forget) * c[u]);
      const double i = coupled ? 1 - f : naive_logistic(z[0][u] + peephole(u, 0) * c[u]);
      c_next[u] = f * c[u] + i * std::tanh(z[candidate][u]);
    }
    const std::string norm = "norm_c_l" + suffix;
    const NaiveVector normalised = naive_normalised(c_next);
    for (std::size_t u = 0; u < H(); ++u) {
      const double seen =
          weights.has(norm) ? weights.at(norm, u, 0) * normalised[u] + weights.at(norm, u, 1) : c_next[u];
      cell_output[u] = naive_logistic(z[output][u] + peephole(u, forget + 1) * c_next[u]) * std::tanh(seen);
    }
    const std::string projection = "weight_hr_l" + suffix;
    move(c, c_next, config.zoneout_c);
    move(h, config.projection > 0 ? weights.product(projection, 0, h.size(), cell_output) : cell_output,
         config.zoneout_h);
  }

  void gru(const NaiveVector& x) {
    NaiveVector next(H());
    const NaiveVector reset_x = from_x(0, x), update_x = from_x(1, x), candidate_x = from_x(2, x);
    const NaiveVector reset_h = from_h(0), update_h = from_h(1), candidate_h = from_h(2);
    for (std::size_t i = 0; i < H(); ++i) {
      const double reset = naive_logistic(reset_x[i] + reset_h[i]);
      const double update = naive_logistic(update_x[i] + update_h[i]);
      const double candidate = std::tanh(candidate_x[i] + reset * candidate_h[i]);
      next[i] = (1 - update) * candidate + update * h[i];
    }
    move(h, next, config.zoneout_h);
  }

 private:
  /// With zoneout the new state is a mean of old and new: the expectation over masks, as in inference.
  static void move(NaiveVector& state, const NaiveVector& next, double zoneout) {
    for (std::size_t u = 0; u < state.size(); ++u) state[u] += (1 - zoneout) * (next[u] - state[u]);
  }

  NaiveVector affine(const std::string& which, std::size_t gate, const NaiveVector& v) const {
    const std::string name = "weight_" + which + "_l" + suffix, norm = "norm_" + which + "_l" + suffix;
    const std::size_t rows = weights.rows(name);
    NaiveVector all = weights.product(name, 0, rows, v);  // of all gates, since a norm includes all of them
    if (weights.has(norm)) {
      all = naive_normalised(all);
      for (std::size_t row = 0; row < rows; ++row) all[row] *= weights.at(norm, row, 0);
    }
    NaiveVector sum = weights.product("bias_" + which + "_l" + suffix, gate, H(), {1.0});
    for (std::size_t u = 0; u < H(); ++u) sum[u] += all[gate * H() + u];
    return sum;
  }
};

/// Runs one sequence through all layers. `h` and `c` are the states, [layer * directions + direction], and are updated
/// to the final ones. Returns the top layer's outputs.
inline NaiveSteps naive_recurrent(const NaiveWeights& weights, const rondo::RecurrentConfig& config, bool gru,
                                  NaiveSteps x, NaiveSteps& h, NaiveSteps& c) {
  for (rondo::Index l = 0; l < config.layers; ++l) {
    NaiveSteps y(x.size());
    for (rondo::Index d = 0; d < config.directions(); ++d) {
      const auto s = static_cast<std::size_t>(l * config.directions() + d);
      NaiveCell cell{weights, config, std::to_string(l) + (d > 0 ? "_reverse" : ""), h[s], c[s]};
      for (std::size_t n = 0; n < x.size(); ++n) {
        const std::size_t t = d > 0 ? x.size() - 1 - n : n;
        gru ? cell.gru(x[t]) : cell.lstm(x[t]);
        y[t].insert(y[t].end(), cell.h.begin(), cell.h.end());
      }
      h[s] = cell.h, c[s] = cell.c;
    }
    x = y;
  }
  return x;
}

}  // namespace rondo_test
