// SPDX-License-Identifier: MIT
// Where a layer's input projection comes from, for the packed pass: from the features of a sequence by a product, or,
// of a first layer over tokens, from a table by looking up. Each knows both ways: projecting some units of some steps
// into z, and turning dz into gradients. Legend: C input features, H hidden units, B batch.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/lstm_cache.hpp>
#include <rondo/cpu/flush_denormals.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/threads.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline v0::detail {

/// Some units of some columns of some steps: what one member of a team does at a time.
struct StepBlock {
  Team::Range units;    // of H
  Team::Range columns;  // of B
  Index first_step, steps;
};

/// Z = b + W X.
class FeatureInput {
 public:
  FeatureInput(const LstmWeights<const float>& w, const Sequence<float>& x, Buffer<float>& packed)
      : w_(w), x_(x), packed_(packed) {}

  /// Before the team starts.
  void prepare(const Kernels& k) {
    const Index blocks = (w_.R.cols + k.lanes - 1) / k.lanes;
    packed_.resize(blocks * k.panel_rows * w_.W.cols);
  }

  /// This member's part of what project() needs of its units.
  void pack(const Kernels& k, Team::Range units) {
    k.fp32.pack_gates(w_.R.cols, w_.W.cols, w_.W.data, 1, w_.W.stride, packed_.data(), units.first, units.last);
  }

  /// z: column 0 of the first step.
  void project(const Kernels& k, const StepBlock& at, float* z) const {
    const Index H = w_.R.cols, B = x_.batch(), C = w_.W.cols;
    const bool whole = at.columns.size() == B;  // then the steps' columns follow each other
    const Index first = at.columns.first;
    k.fp32.project_gates({H,
                          whole ? B * at.steps : at.columns.size(),
                          whole ? 1 : at.steps,
                          B,
                          C,
                          packed_.data(),
                          w_.b.data,
                          {x_.at(at.first_step).data + first * C, 1, C},
                          z + first * 4 * H,
                          4 * H},
                         at.units.first, at.units.last);
  }

 private:
  const LstmWeights<const float>& w_;
  const Sequence<float>& x_;
  Buffer<float>& packed_;  // W in panels of gates
};

}  // namespace rondo::inline v0::detail
