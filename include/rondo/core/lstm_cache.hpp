// SPDX-License-Identifier: MIT
// What one LSTM layer remembers of a forward pass, so that backward can run. The caller holds it: the layer itself
// stays constant, and may serve many callers at once.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/core/view.hpp>

#include <span>

namespace rondo::inline v0 {

/// What a backend's passes work in: packed weights, gradients on their way. Each backend says what that is.
template <class Scalar, class Device>
struct LstmWorkspace;

/// Legend: H hidden units, B batch, T time steps. `y` is the layer's output.
template <class Scalar, class Device = Cpu>
struct LstmLayerCache {
  Sequence<Scalar, Device> h0;      // H x B x 1   state before the first step
  Sequence<Scalar, Device> c0;      // H x B x 1
  Sequence<Scalar, Device> gates;   // 4H x B x T  i, f, g, o after their nonlinearities
  Sequence<Scalar, Device> c;       // H x B x T   cell after each step
  Sequence<Scalar, Device> tanh_c;  // H x B x T
  Sequence<Scalar, Device> y;       // H x B x T   hidden state after each step; zero in padding

  LstmWorkspace<Scalar, Device> workspace;

  /// Makes room for a pass of H units over an input of this batch, time and (unless empty) lengths. Contents are
  /// unspecified.
  void resize(Index H, Index batch, Index time, std::span<const Index> lengths = {}) {
    for (auto* s : {&h0, &c0}) s->resize(H, batch, 1);
    gates.resize(4 * H, batch, time);
    for (auto* s : {&c, &tanh_c, &y}) s->resize(H, batch, time);
    for (auto* s : {&gates, &c, &tanh_c, &y}) s->set_lengths(lengths);
  }

  MatrixView<const Scalar> h_before(Index t) const { return t > 0 ? y.at(t - 1) : h0.at(0); }  // H x B
  MatrixView<const Scalar> c_before(Index t) const { return t > 0 ? c.at(t - 1) : c0.at(0); }  // H x B
};

/// The three tensors of a layer as views: weights, or their gradients.
template <class T>
struct LstmWeights {
  MatrixView<T> W;  // 4H x C  input weights, gates in the order i, f, g, o
  MatrixView<T> R;  // 4H x H  recurrent weights
  MatrixView<T> b;  // 4H x 1  bias
};

}  // namespace rondo::inline v0
