// SPDX-License-Identifier: MIT
// FactoredVectors: trains the vector of each token, or of each key of a piano, as the sum of a vector of its own and of
// vectors of its features, which related ones share. Little training data is then enough for all of them (factored
// language models: Alexandrescu and Kirchhoff 2006; parts of words: Bojanowski et al. 2017).
//
//   E = E' + U F      columns of a matrix of the input, D x V: an embedding, or weights of an input of V features
//   W = W' + F^T X    rows of a matrix of the output, V x H
//
// F (Q x V) is constant; U (D x Q) and X (Q x H) are the vectors of the features. Only the sums E and W are stored: the
// model is the same as any other. A step of Adam on E' and a step on U are both added to E. Their decoupled weight decay
// is that of E.
//
// Legend: V tokens (and conditions, which are never predicted) or keys, Q features of them, D rows of E, H columns of W.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/layers/token_model.hpp>

namespace rondo::inline RONDO_ABI {

/// The parameters of a model and the vectors of features, for one step of Adam on both.
///
/// @code
/// rondo::FactoredVectors factored(model, model.embedding().E(), model.output().W(), F);
/// // ... backward passes add to the gradients of the model
/// factored.set_gradients();
/// adam.step(factored);
/// factored.apply();
/// @endcode
template <class Model, class Scalar, class Device>
class FactoredVectors {
 public:
  /// E: D x V and W: up to V rows, parameters of `model`. F: Q x V, on the host; without rows there are no features, and
  /// this is the model alone. `model` must outlive this object. Throws shape_error for a wrong number of columns of F or
  /// rows of W.
  FactoredVectors(Model& model, Parameter<Scalar, Device>& E, Parameter<Scalar, Device>& W, MatrixView<const Scalar> F)
      : model_(model), E_(E), W_(W), F_(F.rows, E.cols()), U_(E.rows(), F.rows), X_(F.rows, W.cols()) {
    require_shape(F.rows == 0 || F.cols == E.cols(), "FactoredVectors: F is ", F.rows, " x ", F.cols,
                  " (Q x V), this model wants V = ", E.cols());
    require_shape(W.rows() <= E.cols(), "FactoredVectors: W has ", W.rows(), " rows, wanted at most V = ", E.cols());
    if (any()) upload(Device{}, F, F_.value());
  }

  Model& model() { return model_; }           ///< the model
  bool any() const { return F_.rows() > 0; }  ///< whether there are features

  /// Sets the gradients of U and X from those of E and W. Call it after the backward pass and clip_grad_norm.
  void set_gradients() {
    if (!any()) return;
    U_.zero_grad();
    X_.zero_grad();
    // forward: E = E' + U F
    gemm(Device{}, Op::none, Op::transpose, ConstView<Scalar>(E_.grad()), features(), U_.grad());
    // forward: W = W' + F^T X
    gemm(Device{}, Op::none, Op::none, features_of_outputs(), ConstView<Scalar>(W_.grad()), X_.grad());
  }

  /// Adds the steps of U and X to E and W. Call it after the step of the optimiser.
  void apply() {
    if (!any()) return;
    gemm(Device{}, Op::none, Op::none, ConstView<Scalar>(U_.value()), features(), E_.value());
    gemm(Device{}, Op::transpose, Op::none, features_of_outputs(), ConstView<Scalar>(X_.value()), W_.value());
    fill(Device{}, U_.value(), Scalar{0});
    fill(Device{}, X_.value(), Scalar{0});
  }

  /// Calls f(path, parameter) for the parameters of the model, then for U, "factors.input", and X, "factors.output",
  /// whose values are zero except between a step and apply().
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    model_.for_each_parameter(f, path);
    if (!any()) return;
    f(path / "factors" / "input", U_);
    f(path / "factors" / "output", X_);
  }

 private:
  MatrixView<const Scalar> features() { return F_.value(); }                                 // Q x V
  MatrixView<const Scalar> features_of_outputs() { return F_.value().columns(0, W_.rows()); }  // Q x rows of W

  Model& model_;
  Parameter<Scalar, Device>& E_;
  Parameter<Scalar, Device>& W_;
  Parameter<Scalar, Device> F_;  // Q x V, constant
  Parameter<Scalar, Device> U_;  // D x Q
  Parameter<Scalar, Device> X_;  // Q x H
};

/// A TokenModel whose tokens have features: those of the embedding and of the output layer.
template <class Scalar, class Device = Cpu, class Cell = LstmCell>
using FactoredTokens = FactoredVectors<TokenModel<Scalar, Device, Cell>, Scalar, Device>;

/// The same, of a model. F: Q x (V + conditions of the model), on the host. See FactoredVectors.
template <class Scalar, class Device, class Cell>
FactoredTokens<Scalar, Device, Cell> factored_tokens(TokenModel<Scalar, Device, Cell>& model,
                                                     MatrixView<const Scalar> F) {
  return {model, model.embedding().E(), model.output().W(), F};
}

}  // namespace rondo::inline RONDO_ABI
