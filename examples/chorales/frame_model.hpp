// SPDX-License-Identifier: MIT
// LSTM and a linear layer over frames of 88 keys: the probability that each key is active in the next frame.
#pragma once

#include "data.hpp"

#include <rondo/rondo.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace chorales {

struct FrameModelConfig {
  rondo::LstmConfig lstm;
  double output_dropout = 0;  // before the linear layer
  double input_std = 0.35;
};

template <class Device>
class FrameModel {
 public:
  using Sequence = rondo::Sequence<float, Device>;

  struct Cache {
    Sequence x, y;  // the batch, on the device
    typename rondo::Lstm<float, Device>::Cache lstm;
    rondo::DropoutCache<float, Device> dropout;
    Sequence logits, d_logits, dy;
  };

  /// Initialisation for fast learning: recurrent weights are orthogonal in each gate; input weights are large, because
  /// a frame has about four keys of 88; the output bias gives the marginal probability of each key.
  FrameModel(const FrameModelConfig& config, const std::vector<Piece>& train, rondo::Rng& rng)
      : config_(config), lstm_(config.lstm, rng), output_(config.lstm.hidden, kPitches, rng) {
    for (rondo::Index l = 0; l < lstm_.depth(); ++l)
      rondo::set_from_host(Device{}, lstm_.layer(l).R().value(), [&](auto R) { rondo::initialise_orthogonal(R, rng); });
    rondo::set_from_host(Device{}, lstm_.layer(0).W().value(),
                         [&](auto W) { rondo::initialise_normal(W, config.input_std, rng); });
    double frames = 0;
    std::vector<double> active(kPitches, 0.5);  // frames with each key; add-half smoothing
    for (const Piece& piece : train)
      for (const Frame& frame : piece) {
        ++frames;
        for (std::size_t k = 0; k < kPitches; ++k) active[k] += frame[k];
      }
    rondo::set_from_host(Device{}, output_.b().value(), [&](auto b) {
      for (int k = 0; k < kPitches; ++k) {
        const double p = active[static_cast<std::size_t>(k)] / (frames + 1);
        b(k, 0) = static_cast<float>(std::log(p / (1 - p)));
      }
    });
  }

  /// The loss of the batch in nats. In training mode it applies dropout and accumulates gradients.
  rondo::Loss run(const Batch& batch, Cache& cache, rondo::Mode mode) {
    rondo::transfer(batch.x, cache.x);
    rondo::transfer(batch.y, cache.y);
    auto state = lstm_.zero_state(batch.x.batch());
    const auto* h = &lstm_.forward(cache.x, state, cache.lstm, mode);
    const bool drop = mode.training() && config_.output_dropout > 0;
    if (drop) h = &rondo::dropout(*h, config_.output_dropout, mode.rng(), cache.dropout);
    output_.forward(*h, cache.logits);
    if (!mode.training()) return rondo::bernoulli_cross_entropy(cache.logits, cache.y, nullptr);

    const auto loss = rondo::bernoulli_cross_entropy(cache.logits, cache.y, &cache.d_logits);
    output_.backward(*h, cache.d_logits, &cache.dy);
    if (drop) rondo::dropout_backward(cache.dropout, cache.dy);
    state.set_zero();  // the final state has no gradient
    lstm_.backward(cache.x, cache.dy, cache.lstm, state);
    return loss;
  }

  rondo::Lstm<float, Device>& lstm() { return lstm_; }
  rondo::Linear<float, Device>& output() { return output_; }

  template <class F>
  void for_each_parameter(F&& f, const rondo::Path& path = {}) {
    visit(*this, f, path);
  }
  template <class F>
  void for_each_parameter(F&& f, const rondo::Path& path = {}) const {
    visit(*this, f, path);
  }

 private:
  template <class Self, class F>
  static void visit(Self& self, F& f, const rondo::Path& path) {
    self.lstm_.for_each_parameter(f, path / "lstm");
    self.output_.for_each_parameter(f, path / "output");
  }

  FrameModelConfig config_;
  rondo::Lstm<float, Device> lstm_;
  rondo::Linear<float, Device> output_;
};

}  // namespace chorales
