// SPDX-License-Identifier: MIT
// FactoredParameters: trains parameters of a model as sums in which related parts share, for instance the vector of
// each token as the sum of a vector of its own and of vectors of its features. Little training data is then enough for
// all of them (factored language models: Alexandrescu and Kirchhoff 2006; parts of words: Bojanowski et al. 2017).
//
//   W = W' + U F      the columns of W have features: an embedding, or the weights of the inputs of a layer
//   W = W' + F^T U    its rows have: the weights of the outputs of a layer
//   W = W' + [u F]    its elements have, column by column: weights between two inputs, say
//
// F (Q features x n) is constant, U are the vectors of the features. Only the sum W is stored: the model is the same as
// any other. A step of Adam on W' and a step on U are both added to W. Their decoupled weight decay is that of W.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/layers/token_model.hpp>

#include <string>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// Which parts of a parameter have features.
enum class FactoredParts { columns, rows, elements };

/// The parameters of a model and the vectors of features, for one step of Adam on both.
///
/// @code
/// rondo::FactoredParameters<Model, float> factored(model);
/// factored.add("input", model.embedding().E(), rondo::FactoredParts::columns, F);
/// // ... backward passes add to the gradients of the model
/// factored.set_gradients();
/// adam.step(factored);
/// factored.apply();
/// @endcode
template <class Model, class Scalar, class Device = Cpu>
class FactoredParameters {
 public:
  /// The parameters of `model` alone, which must outlive this object.
  explicit FactoredParameters(Model& model) : model_(model) {}

  /// From now on, parts of W, a parameter of the model, have features. F: Q x n, on the host, for n or less columns or
  /// rows of W, or all its elements, column by column. `name` is that of U among the parameters. Throws shape_error if
  /// F has too few columns.
  void add(std::string name, Parameter<Scalar, Device>& W, FactoredParts parts, MatrixView<const Scalar> F) {
    const Index n = parts == FactoredParts::columns ? W.cols() : parts == FactoredParts::rows ? W.rows() : W.size();
    require_shape(F.rows > 0 && F.cols >= n, "FactoredParameters::add: F of \"", name, "\" is ", F.rows, " x ", F.cols,
                  ", wanted features of ", n);
    Factor factor{std::move(name), &W, parts, {F.rows, n}, {1, 1}};
    factor.U = parts == FactoredParts::rows      ? Parameter<Scalar, Device>(F.rows, W.cols())
               : parts == FactoredParts::columns ? Parameter<Scalar, Device>(W.rows(), F.rows)
                                                 : Parameter<Scalar, Device>(1, F.rows);
    upload(Device{}, F.columns(0, n), factor.F.value());
    factors_.push_back(std::move(factor));
  }

  Model& model() { return model_; }               ///< the model
  bool any() const { return !factors_.empty(); }  ///< whether there are features

  /// Sets the gradients of the vectors U from those of W. Call it after the backward pass and clip_grad_norm.
  void set_gradients() {
    for (Factor& f : factors_) {
      f.U.zero_grad();
      const ConstView<Scalar> dW = f.in_rows_of(f.W->grad());
      if (f.parts == FactoredParts::rows)
        gemm(Device{}, Op::none, Op::none, f.F.value(), dW, f.U.grad());  // forward: W = W' + F^T U
      else
        gemm(Device{}, Op::none, Op::transpose, dW, f.F.value(), f.U.grad());  // forward: W = W' + U F
    }
  }

  /// Adds the steps of the vectors U to W. Call it after the step of the optimiser.
  void apply() {
    for (Factor& f : factors_) {
      const auto W = f.in_rows_of(f.W->value());
      if (f.parts == FactoredParts::rows)
        gemm(Device{}, Op::transpose, Op::none, f.F.value(), f.U.value(), W);
      else
        gemm(Device{}, Op::none, Op::none, f.U.value(), f.F.value(), W);
      fill(Device{}, f.U.value(), Scalar{0});
    }
  }

  /// Calls f(path, parameter) for the parameters of the model, then for each U, "factors." and its name, whose values
  /// are zero except between a step and apply().
  template <class Visitor>
  void for_each_parameter(Visitor&& f, const Path& path = {}) {
    model_.for_each_parameter(f, path);
    for (Factor& factor : factors_) f(path / "factors" / factor.name, factor.U);
  }

 private:
  struct Factor {
    std::string name;
    Parameter<Scalar, Device>* W;
    FactoredParts parts;
    Parameter<Scalar, Device> F;  // Q x n, constant
    Parameter<Scalar, Device> U;  // rows of W x Q, Q x columns of W, or 1 x Q

    // Elements are the columns of a matrix with one row. A parameter has no gaps between its columns.
    MatrixView<Scalar> in_rows_of(MatrixView<Scalar> of_W) const {
      return parts == FactoredParts::elements ? MatrixView<Scalar>{of_W.data, 1, of_W.rows * of_W.cols, 1} : of_W;
    }
  };

  Model& model_;
  std::vector<Factor> factors_;
};

/// A TokenModel whose tokens have features: those of the embedding, "input", and of the output layer, "output".
template <class Scalar, class Device = Cpu, class Cell = LstmCell>
using FactoredTokens = FactoredParameters<TokenModel<Scalar, Device, Cell>, Scalar, Device>;

/// The same, of a model. F: Q x (V + conditions of the model), on the host; without rows no token has features. Throws
/// shape_error.
template <class Scalar, class Device, class Cell>
FactoredTokens<Scalar, Device, Cell> factored_tokens(TokenModel<Scalar, Device, Cell>& model, ConstView<Scalar> F) {
  FactoredTokens<Scalar, Device, Cell> factored(model);
  require_shape(F.rows == 0 || F.cols == model.embedding().vocabulary(), "factored_tokens: F is ", F.rows, " x ",
                F.cols, " (Q x V), this model wants V = ", model.embedding().vocabulary());
  if (F.rows == 0) return factored;
  factored.add("input", model.embedding().E(), FactoredParts::columns, F);
  factored.add("output", model.output().W(), FactoredParts::rows, F);
  return factored;
}

}  // namespace rondo::inline RONDO_ABI
