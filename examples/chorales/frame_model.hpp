// SPDX-License-Identifier: MIT
// LSTM and a linear layer over frames of 88 keys: the probability that each key is active in the next frame,
//
//   p(key k of frame t) = sigmoid(W h_t + b + C y_t)_k
//
// With chords, C (K x K, strictly lower triangular) are weights from the lower keys of the same frame: keys are
// predicted in turn, from the lowest up, so that a frame is a chord and not 88 independent keys (a sigmoid belief
// network without hidden units, Frey 1998, as the output of a recurrent network, Boulanger-Lewandowski, Bengio and
// Vincent 2012). Without, C is zero.
#pragma once

#include "data.hpp"

#include <rondo/music/token_features.hpp>
#include <rondo/music/vocabulary.hpp>
#include <rondo/rondo.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace chorales {

struct FrameModelConfig {
  rondo::LstmConfig lstm;
  double output_dropout = 0;  // before the linear layer
  double input_std = 0.35;
  bool chords = true;
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
      : config_(config),
        lstm_(config.lstm, rng),
        output_(config.lstm.hidden, kPitches, rng),
        C_(kPitches, kPitches),
        below_diagonal_(kPitches, kPitches) {
    rondo::set_from_host(Device{}, below_diagonal_.value(), [](auto below) {
      for (rondo::Index j = 0; j < kPitches; ++j)
        for (rondo::Index k = j + 1; k < kPitches; ++k) below(k, j) = 1;
    });
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
    if (config_.chords)
      for_each_active_run(cache.y, [&](rondo::Index first, rondo::Index count) {
        gemm(Device{}, rondo::Op::none, rondo::Op::none, C_.value(), cache.y.flat().columns(first, count),
             cache.logits.flat().columns(first, count));
      });
    if (!mode.training()) return rondo::bernoulli_cross_entropy(cache.logits, cache.y, nullptr);

    const auto loss = rondo::bernoulli_cross_entropy(cache.logits, cache.y, &cache.d_logits);
    if (config_.chords) {
      for_each_active_run(cache.y, [&](rondo::Index first, rondo::Index count) {
        gemm(Device{}, rondo::Op::none, rondo::Op::transpose, cache.d_logits.flat().columns(first, count),
             cache.y.flat().columns(first, count), C_.grad());  // forward: logits += C y
      });
      rondo::dropout_backward(Device{}, below_diagonal_.value(), C_.grad());  // dC = 0 on and above the diagonal
    }
    output_.backward(*h, cache.d_logits, &cache.dy);
    if (drop) rondo::dropout_backward(cache.dropout, cache.dy);
    state.set_zero();  // the final state has no gradient
    lstm_.backward(cache.x, cache.dy, cache.lstm, state);
    return loss;
  }

  using State = typename rondo::Lstm<float, Device>::State;
  /// Workspace of step().
  struct Scratch {
    typename rondo::Lstm<float, Device>::Scratch lstm;
    Sequence logits;
  };
  State zero_state(rondo::Index batch) const { return lstm_.zero_state(batch); }

  /// The logits of the next frame of B pieces, K x B, without the weights between its keys. x: the frame before, K x B;
  /// state, in/out.
  rondo::MatrixView<const float> step(rondo::MatrixView<const float> x, State& state, Scratch& scratch) const {
    scratch.logits.resize(kPitches, x.cols, 1);
    output_.step(lstm_.step(x, state, scratch.lstm), scratch.logits.at(0));
    return scratch.logits.at(0);
  }
  /// C, K x K: from the lower keys of a frame; zeros without chords.
  rondo::MatrixView<const float> chord_weights() const { return C_.value(); }

  /// Adds what keys have in common: keys with the same pitch class or register share in the weights from and to them,
  /// pairs of keys with the same interval in C. So a figure is learned in all keys and octaves.
  void share(rondo::FactoredParameters<FrameModel, float, Device>& factored) {
    const rondo::music::TokenFeatures tokens{rondo::music::InputSpec{}};  // of note-ons; columns are not read beyond
    const rondo::MatrixView<const float> keys{tokens.data() + rondo::music::note_on(kLowestPitch) * tokens.rows(),
                                              tokens.rows(), kPitches, tokens.rows()};
    factored.add("input", lstm_.layer(0).W(), rondo::FactoredParts::columns, keys);
    factored.add("output", output_.W(), rondo::FactoredParts::rows, keys);
    if (!config_.chords) return;
    constexpr rondo::Index kIntervals = kPitches - 1;  // 1 to 87 semitones
    std::vector<float> intervals(static_cast<std::size_t>(kIntervals * kPitches * kPitches));
    for (rondo::Index j = 0; j < kPitches; ++j)
      for (rondo::Index k = j + 1; k < kPitches; ++k)
        intervals[static_cast<std::size_t>((k + kPitches * j) * kIntervals + k - j - 1)] = 1;
    factored.add("chord", C_, rondo::FactoredParts::elements,
                 {intervals.data(), kIntervals, kPitches * kPitches, kIntervals});
  }

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
    if (self.config_.chords) f(path / "chord" / "weight", self.C_);
  }

  FrameModelConfig config_;
  rondo::Lstm<float, Device> lstm_;
  rondo::Linear<float, Device> output_;
  rondo::Parameter<float, Device> C_, below_diagonal_;  // the second is constant: 1 below the diagonal, else 0
};

}  // namespace chorales
