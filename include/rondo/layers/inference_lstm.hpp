// SPDX-License-Identifier: MIT
// InferenceLstm: an Lstm that has learned and now only runs. Its weights are copied and packed once, in fp32 or bf16,
// and nothing is kept for backward:
//
//   InferenceLstm<float> fast(lstm);
//   InferenceLstm<float>::Workspace work;
//   const auto& y = fast.forward(x, state, work);     // H x B x T; state moves to the end of the sequence
//
// In fp32 its numbers are those of Lstm::forward. Legend: C input features, H hidden units, L layers, B batch, T steps.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/cpu/lstm_inference.hpp>
#include <rondo/layers/lstm.hpp>

#include <utility>
#include <vector>

namespace rondo::inline v0 {

template <class Scalar, class Device = Cpu>
class InferenceLstm {
 public:
  /// What one caller's passes work in; kept between calls, it stops allocating. Outputs live there.
  struct Workspace {
    std::vector<InferenceWorkspace<Scalar, Device>> layers;
    Sequence<Scalar, Device> y, y_below;
  };

  /// Later changes of `lstm` are not seen. Dropout is left out, as inference does.
  explicit InferenceLstm(const Lstm<Scalar, Device>& lstm, Precision precision = Precision::fp32)
      : input_(lstm.input()), hidden_(lstm.hidden()), layers_(static_cast<std::size_t>(lstm.depth())) {
    for (Index l = 0; l < lstm.depth(); ++l)
      lstm_prepare_inference(Device{}, precision, lstm.layer(l).weights(), layers_[static_cast<std::size_t>(l)]);
  }

  Index input() const { return input_; }
  Index hidden() const { return hidden_; }
  Index depth() const { return static_cast<Index>(layers_.size()); }

  /// x: C x B x T. state (H x B x L) moves to each sequence's end. Returns the top layer's outputs,
  /// H x B x T, which live in `work` until its next use; zeros in padding.
  const Sequence<Scalar, Device>& forward(const Sequence<Scalar, Device>& x, LstmState<Scalar, Device>& state,
                                          Workspace& work) const {
    require_shape(x.features() == input_, "InferenceLstm::forward: x is ", x.shape(),
                  ", this layer wants C = ", input_);
    for (const auto* s : {&state.h, &state.c})
      require_shape(s->features() == hidden_ && s->batch() == x.batch() && s->time() == depth(),
                    "InferenceLstm::forward: state is ", s->features(), " x ", s->batch(), " x ", s->time(),
                    " (H x B x L), wanted ", hidden_, " x ", x.batch(), " x ", depth());
    work.layers.resize(layers_.size());
    const auto* below = &x;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      lstm_infer(Device{}, layers_[l], *below, state.h.at(Index(l)), state.c.at(Index(l)), work.y, work.layers[l]);
      if (l + 1 == layers_.size()) break;
      std::swap(work.y, work.y_below);
      below = &work.y_below;
    }
    return work.y;
  }

 private:
  Index input_, hidden_;
  std::vector<InferenceWeights<Scalar, Device>> layers_;
};

}  // namespace rondo::inline v0
