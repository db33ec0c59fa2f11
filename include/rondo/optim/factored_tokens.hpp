// SPDX-License-Identifier: MIT
// FactoredTokens: trains the vector of each token as the sum of a vector of its own and of vectors of its features,
// which related tokens share. Few tokens of training data are then enough for all of them (factored language models:
// Alexandrescu and Kirchhoff 2006; parts of words: Bojanowski et al. 2017).
//
//   E = E' + U F      embedding, D x V
//   W = W' + F^T X    weights of the output layer, V x H
//
// F (Q x V) is constant; U (D x Q) and X (Q x H) are the vectors of the features. Only the sums E and W are stored: the
// model is a TokenModel as any other. A step of Adam on E' and a step on U are both added to E. Their decoupled weight
// decay is that of E.
//
// Legend: V tokens and conditions, Q features of tokens, D features of the embedding, H hidden units.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/layers/token_model.hpp>

namespace rondo::inline RONDO_ABI {

/// The parameters of a TokenModel and the vectors of token features, for one step of Adam on both.
///
/// @code
/// rondo::FactoredTokens factored(model, F);
/// // ... backward passes add to the gradients of the model
/// factored.set_gradients();
/// adam.step(factored);
/// factored.apply();
/// @endcode
template <class Scalar, class Device = Cpu, class Cell = LstmCell>
class FactoredTokens {
 public:
  using Model = TokenModel<Scalar, Device, Cell>;  ///< type of the model

  /// F: Q x (V + conditions of the model), on the host. Without rows there are no features, and this is the model
  /// alone. `model` must outlive this object. Throws shape_error for a wrong number of columns.
  FactoredTokens(Model& model, MatrixView<const Scalar> F)
      : model_(model),
        F_(F.rows, model.embedding().vocabulary()),
        U_(model.embedding().features(), F.rows),
        X_(F.rows, model.output().input()) {
    require_shape(F.rows == 0 || F.cols == model.embedding().vocabulary(), "FactoredTokens: F is ", F.rows, " x ",
                  F.cols, " (Q x V), this model wants V = ", model.embedding().vocabulary());
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
    gemm(Device{}, Op::none, Op::transpose, ConstView<Scalar>(E().grad()), features(), U_.grad());
    // forward: W = W' + F^T X
    gemm(Device{}, Op::none, Op::none, features_of_outputs(), ConstView<Scalar>(W().grad()), X_.grad());
  }

  /// Adds the steps of U and X to E and W. Call it after the step of the optimiser.
  void apply() {
    if (!any()) return;
    gemm(Device{}, Op::none, Op::none, ConstView<Scalar>(U_.value()), features(), E().value());
    gemm(Device{}, Op::transpose, Op::none, features_of_outputs(), ConstView<Scalar>(X_.value()), W().value());
    fill(Device{}, U_.value(), Scalar{0});
    fill(Device{}, X_.value(), Scalar{0});
  }

  /// Calls f(path, parameter) for the parameters of the model, then for U, "factors.embedding", and X,
  /// "factors.output", whose values are zero except between a step and apply().
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    model_.for_each_parameter(f, path);
    if (!any()) return;
    f(path / "factors" / "embedding", U_);
    f(path / "factors" / "output", X_);
  }

 private:
  Parameter<Scalar, Device>& E() { return model_.embedding().E(); }
  Parameter<Scalar, Device>& W() { return model_.output().W(); }
  MatrixView<const Scalar> features() { return F_.value(); }  // Q x V
  /// Without those of conditions, which are never predicted.
  MatrixView<const Scalar> features_of_outputs() { return F_.value().columns(0, W().rows()); }

  Model& model_;
  Parameter<Scalar, Device> F_;  // Q x V, constant
  Parameter<Scalar, Device> U_;  // D x Q
  Parameter<Scalar, Device> X_;  // Q x H
};

}  // namespace rondo::inline RONDO_ABI
