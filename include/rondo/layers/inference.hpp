// SPDX-License-Identifier: MIT
// InferenceRecurrent: a trained network for inference only. Its weights are copied and packed once, in fp32 or bf16,
// and no activations are saved. In fp32 results are those of Recurrent::forward. Legend: C input features, H hidden
// units, P outputs of a direction, D directions, L layers, B batch, T steps.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/cpu/recurrent_inference.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/recurrent.hpp>

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// Workspace of one caller of InferenceRecurrent. Reused between calls, it stops allocating. Outputs are stored in it.
template <class Scalar, class Device = Cpu>
struct RecurrentInferenceWorkspace {
  std::vector<InferenceWorkspace<Scalar, Device>> layers;  ///< L * D, of the backend
  Sequence<Scalar, Device> y;                              ///< outputs, D*P x B x T
  Sequence<Scalar, Device> y_below;                        ///< outputs of the layer below, D*P x B x T
};

/// A trained recurrent network for inference only, with packed weights.
///
/// @code
/// rondo::InferenceLstm<float> fast(lstm);
/// rondo::InferenceLstm<float>::Workspace work;
/// const auto& y = fast.forward(x, state, work);  // D*P x B x T; updates `state`
/// @endcode
template <class Cell, class Scalar, class Device = Cpu>
class InferenceRecurrent {
 public:
  using State = RecurrentState<Scalar, Device>;  ///< h and c of all layers

  using Workspace = RecurrentInferenceWorkspace<Scalar, Device>;  ///< workspace of one caller

  /// Copies and packs the weights of `network`; later changes of `network` have no effect. No dropout.
  explicit InferenceRecurrent(const Recurrent<Cell, Scalar, Device>& network, Precision precision = Precision::fp32)
      : config_(network.config()), layers_(static_cast<std::size_t>(network.depth() * network.directions())) {
    config_.precision = precision;
    for (std::size_t n = 0; n < layers_.size(); ++n) {
      const auto& layer = network.layer(Index(n) / directions(), Index(n) % directions());
      PassOptions options = layer.inference_options();
      options.precision = precision;
      recurrent_prepare_inference(Device{}, Cell{}, options, layer.weights(), layers_[n]);
    }
  }

  const RecurrentConfig& config() const { return config_; }  ///< configuration, with the precision of this object
  Index input() const { return config_.input; }              ///< C
  Index hidden() const { return config_.hidden; }            ///< H
  Index depth() const { return config_.layers; }             ///< L
  Index directions() const { return config_.directions(); }  ///< D
  Index output() const { return directions() * config_.output(); }  ///< D*P

  /// x: C x B x T. state, in/out: initial state on entry, state after each sequence's end on return. Returns the
  /// outputs of the top layer, D*P x B x T, stored in `work` until its next use; zeros in padding. Throws shape_error.
  const Sequence<Scalar, Device>& forward(const Sequence<Scalar, Device>& x, State& state, Workspace& work) const {
    detail::require_input<Scalar, Device>({"Inference", Cell::kName, "::forward"}, x, input());
    detail::require_state<Cell>("Inference", "::forward", "state", state, config_, x.batch());
    work.layers.resize(layers_.size());
    const auto* below = &x;
    for (Index l = 0; l < depth(); ++l) {
      work.y.resize_like(x, output());
      run_directions(Device{}, directions(), [&](Index d) {
        const Index s = l * directions() + d;
        const auto n = static_cast<std::size_t>(s);
        MatrixView<Scalar> c{};
        if constexpr (Cell::kHasC) c = state.c.at(s);
        recurrent_infer(Device{}, Cell{}, layers_[n], below->view(), state.h.at(s), c,
                        work.y.view().row_block(d * config_.output(), config_.output()), work.layers[n]);
      });
      if (l + 1 == depth()) break;
      std::swap(work.y, work.y_below);
      below = &work.y_below;
    }
    return work.y;
  }

 private:
  RecurrentConfig config_;
  std::vector<InferenceWeights<Scalar, Device>> layers_;  // direction d of layer l at l * D + d
};

/// An Lstm for inference only, with packed weights.
template <class Scalar, class Device = Cpu>
using InferenceLstm = InferenceRecurrent<LstmCell, Scalar, Device>;

}  // namespace rondo::inline RONDO_ABI
