// SPDX-License-Identifier: MIT
// The input of a recurrent layer: a sequence of features, or tokens whose embeddings nobody has looked up yet, since a
// backend may project each of the V tokens once instead of each of the B*T steps. One type carries either, so that
// every entry stands once.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/core/token_input.hpp>
#include <rondo/core/view.hpp>

#include <cstddef>

namespace rondo::inline RONDO_ABI {

/// Features (C x B x T) or tokens (D = C). It refers to what it is made of.
template <class Scalar, class Device = Cpu>
class RecurrentInput {
 public:
  RecurrentInput(const Sequence<Scalar, Device>& x) : RecurrentInput(x.view()) {}
  RecurrentInput(const SequenceView<const Scalar>& x) : extent_(x.extent), view_(x.flat) {}
  RecurrentInput(const TokenInput<Scalar, Device>& x) : extent_{x.batch, x.time, {}}, view_(x.E), tokens_(x) {}

  bool is_tokens() const { return tokens_.E.data != nullptr; }
  const TokenInput<Scalar, Device>& tokens() const { return tokens_; }
  SequenceView<const Scalar> sequence() const { return {view_, extent_}; }

  const Extent& extent() const { return extent_; }
  Index batch() const { return extent_.batch; }
  Index time() const { return extent_.time; }
  Index features() const { return view_.rows; }
  SequenceShape shape() const { return {features(), batch(), time()}; }

 private:
  Extent extent_;
  MatrixView<const Scalar> view_;        // of features; of tokens their embeddings, for their number of rows
  TokenInput<Scalar, Device> tokens_{};  // or nothing
};

/// Where a caller wants the gradient of such an input: nowhere (null), in a sequence that becomes C x B x T, or added
/// to that of the embeddings (D x V).
template <class Scalar, class Device = Cpu>
class InputGradient {
 public:
  InputGradient() = default;
  InputGradient(std::nullptr_t) {}
  InputGradient(Sequence<Scalar, Device>* dx) : dx_(dx) {}
  InputGradient(MatrixView<Scalar> dE) : dE_(dE) {}

  Sequence<Scalar, Device>* dx() const { return dx_; }
  MatrixView<Scalar> dE() const { return dE_; }

 private:
  Sequence<Scalar, Device>* dx_ = nullptr;
  MatrixView<Scalar> dE_ = {};
};

/// The same as a pass sees it: sized views.
template <class Scalar, class Device = Cpu>
struct RecurrentInputGradient {
  MatrixView<Scalar> dx = {};  // C x (B*T)
  MatrixView<Scalar> dE = {};  // D x V
  bool add = false;            // to what dx holds, instead of replacing it

  bool to_features() const { return dx.data != nullptr; }
};

}  // namespace rondo::inline RONDO_ABI
