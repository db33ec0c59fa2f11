// SPDX-License-Identifier: MIT
// The input of a recurrent layer: a sequence of features, or tokens before the embedding look-up, since a backend may
// project each of the V tokens once instead of each of the B*T steps. One type holds either, so that no overloads are
// needed.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/core/token_input.hpp>
#include <rondo/core/view.hpp>

#include <cstddef>

namespace rondo::inline RONDO_ABI {

/// Features (C x B x T) or tokens with embeddings of D = C features. Non-owning; converts implicitly from either.
template <class Scalar, class Device = Cpu>
class RecurrentInput {
 public:
  /// Features, C x B x T.
  RecurrentInput(const Sequence<Scalar, Device>& x) : RecurrentInput(x.view()) {}
  /// Features, C x B x T.
  RecurrentInput(const SequenceView<const Scalar>& x) : extent_(x.extent), view_(x.flat) {}
  /// B x T tokens.
  RecurrentInput(const TokenInput<Scalar, Device>& x) : extent_{x.batch, x.time, {}}, view_(x.E), tokens_(x) {}

  bool is_tokens() const { return tokens_.E.data != nullptr; }              ///< whether this holds tokens
  const TokenInput<Scalar, Device>& tokens() const { return tokens_; }      ///< tokens; only if is_tokens()
  SequenceView<const Scalar> sequence() const { return {view_, extent_}; }  ///< features; only if not is_tokens()

  const Extent& extent() const { return extent_; }  ///< B, T and lengths
  Index batch() const { return extent_.batch; }     ///< B
  Index time() const { return extent_.time; }       ///< T
  Index features() const { return view_.rows; }     ///< C
  /// C x B x T, printable.
  SequenceShape shape() const { return {features(), batch(), time()}; }

 private:
  Extent extent_;
  MatrixView<const Scalar> view_;        // features; for tokens the embedding matrix, for its number of rows
  TokenInput<Scalar, Device> tokens_{};  // or none
};

/// Destination of the input gradient: none (null); a sequence, which is resized to C x B x T and overwritten; or the
/// gradient of the embedding matrix (D x V), which is added to.
template <class Scalar, class Device = Cpu>
class InputGradient {
 public:
  InputGradient() = default;
  InputGradient(std::nullptr_t) {}                          ///< not computed
  InputGradient(Sequence<Scalar, Device>* dx) : dx_(dx) {}  ///< written to *dx; null: not computed
  InputGradient(MatrixView<Scalar> dE) : dE_(dE) {}         ///< added to dE

  Sequence<Scalar, Device>* dx() const { return dx_; }  ///< destination for features, or null
  MatrixView<Scalar> dE() const { return dE_; }         ///< destination for tokens; data may be null

 private:
  Sequence<Scalar, Device>* dx_ = nullptr;
  MatrixView<Scalar> dE_ = {};
};

/// Destination of the input gradient of one layer, as sized views.
template <class Scalar, class Device = Cpu>
struct RecurrentInputGradient {
  MatrixView<Scalar> dx = {};  ///< C x (B*T)
  MatrixView<Scalar> dE = {};  ///< D x V
  bool add = false;            ///< accumulate into dx instead of overwriting it

  /// Whether dx is wanted.
  bool to_features() const { return dx.data != nullptr; }
};

}  // namespace rondo::inline RONDO_ABI
