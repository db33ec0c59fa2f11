// SPDX-License-Identifier: MIT
// Streaming inference on the CPU, blocks of steps of a few sequences at a time: see layers/streaming.hpp. A row is one
// step of one voice; row t * B + b is that of step t and voice b. Legend: C inputs, H hidden units, P outputs, K
// outputs of a linear layer, L layers, B voices.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/error.hpp>
#include <rondo/core/streaming_options.hpp>
#include <rondo/cpu/kernel_arguments.hpp>
#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/stream_matrix.hpp>
#include <rondo/cpu/weight_copy.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/weights.hpp>

#include <cstddef>
#include <vector>

namespace rondo::inline RONDO_ABI::detail {

/// The number of steps of a block of x and y, with `inputs` and `outputs` values for each step. Throws shape_error,
/// with the name `who`, if x is not a whole number of steps or y has another number of them.
template <class... Who>
Index steps_of_block(std::size_t x, std::size_t y, Index inputs, Index outputs, const Who&... who) {
  const Index steps = static_cast<Index>(x) / inputs;
  require_shape(static_cast<Index>(x) == steps * inputs && static_cast<Index>(y) == steps * outputs, who...,
                "::process: x has ", x, " values, y has ", y, ", wanted n * ", inputs, " and n * ", outputs,
                " for n steps");
  return steps;
}

/// Rows of values; row r is at data + r * step.
template <class Scalar>
struct StreamRows {
  const Scalar* data;
  Index step;
};

/// A linear layer, y = W x + b. W: K x C.
template <class Scalar>
class StreamLinear {
 public:
  StreamLinear() = default;
  StreamLinear(MatrixView<const Scalar> W, MatrixView<const Scalar> b);

  Index outputs() const { return outputs_; }  ///< K

  /// y: K values for each of `rows` rows.
  void run(Index rows, StreamRows<Scalar> x, Scalar* y) const;

 private:
  Index inputs_ = 0, outputs_ = 0;
  void (*kernel_)(long, long, const float*, const float*, float*) = nullptr;  // null: Eigen is used
  Buffer<Scalar> rows_;                                                       // K rows of C weights and the bias
};

/// One recurrent layer with its packed weights and the state of its voices. It runs by one of four: a kernel for
/// blocks of steps; products with weights of bf16 or int8; a kernel for one step, with a projection; the plain pass.
template <class Cell, class Scalar>
class StreamLayer {
 public:
  /// `first`: whether the inputs are those of the network. Throws shape_error for a layer that does not support the
  /// precision of `streaming`.
  StreamLayer(const RecurrentWeights<const Scalar>& w, const PassOptions& options, const StreamingOptions& streaming,
              bool first);

  /// Fuses a linear layer with one output, whose results `run` then returns. False if this layer cannot.
  bool fuse(MatrixView<const Scalar> W, MatrixView<const Scalar> b);
  /// Makes this layer, of weights `w`, run together with the layer before it, whose registers are its inputs. False if
  /// they cannot.
  bool pair_with(const StreamLayer& before, const RecurrentWeights<const Scalar>& w);

  Index scratch_per_row() const;  ///< values of the buffers of one row
  void reserve(Index rows);       ///< allocates buffers for that many rows

  void reset();                                                   ///< sets the state to zero
  void set_state(Index voice, const Scalar* h, const Scalar* c);  ///< h: P values; c: H values, for cells with c

  /// `steps` steps of all voices. x: C values for each row. Returns P values for each row, valid until the next call;
  /// if a linear layer is fused, its outputs are in y and nothing is returned. `next`: the layer paired with this one.
  StreamRows<Scalar> run(Index steps, StreamRows<Scalar> x, Scalar* y, StreamLayer* next);

  /// As run, for a layer with a kernel for blocks of steps.
  StreamRows<Scalar> run_form(Index steps, StreamRows<Scalar> x, Scalar* y, StreamLayer* next);

 private:
  static constexpr Index kFewInputs = 4;  // W with so few columns is never reduced

  void pack_reduced(const RecurrentWeights<const Scalar>& w, bool int8);
  void project_reduced(Index rows, StreamRows<Scalar> x);
  StreamRows<Scalar> run_reduced(Index steps, StreamRows<Scalar> x, Scalar* y);
  bool choose_many_voices(bool fast);  ///< whether a kernel whose lanes are voices is used
  void pack_many_voices(const RecurrentWeights<const Scalar>& w);
  void pack(const RecurrentWeights<const Scalar>& w);
  void pack_step(const RecurrentWeights<const Scalar>& w, Index padded);
  void prepare_plain(const RecurrentWeights<const Scalar>& w);
  const StreamData& data();  ///< of the kernel; valid as long as this object is not moved
  void step_packed(const Scalar* x, Scalar* y);
  void step_plain(const Scalar* x, Index x_step, Scalar* y);

  RecurrentShape shape_;
  PassOptions options_;
  Index voices_;
  bool first_;
  const StreamKernels* kernels_ = nullptr;  // null: the plain pass is used
  StreamForm form_{};                       // without `run`: a kernel for one step
  Index width_ = 0;                         // voices of a register of a kernel whose lanes are voices; else 0
  StreamData data_{};
  bool reverse_ = false;
  Index state_step_ = 0;
  Buffer<Scalar> weights_;               // layout: StreamData::weights or StreamStep::weights
  Buffer<Scalar> bias_, inputs_, last_;  // StreamBlock::z, StreamProjection::weights, StreamData::last_column
  Buffer<Scalar> head_;                  // StreamData::head; empty: none
  Scalar head_bias_ = 0;
  Buffer<Scalar> h_, c_;  // state of each voice
  Buffer<Scalar> z_;      // projected inputs
  Buffer<Scalar> out_;    // outputs
  Buffer<Scalar> m_;      // H, before the projection
  StreamMatrix W_, R_;    // of bf16 or int8
  Buffer<Scalar> x_;      // inputs of a product with W_
  StreamLinear<Scalar> projection_;
  WeightCopy<Scalar> plain_;     // for the plain pass
  StepScratch<Scalar> scratch_;  // for the plain pass
};

/// A stack of layers and an optional linear layer after it.
template <class Cell, class Scalar>
class StreamStack {
 public:
  StreamStack(const StreamingOptions& options, Index inputs) : options_(options), inputs_(inputs) {}

  void add(const RecurrentWeights<const Scalar>& w, const PassOptions& options);
  void set_head(MatrixView<const Scalar> W, MatrixView<const Scalar> b);
  void allocate();  ///< after the last layer and head; later calls allocate nothing

  Index depth() const { return static_cast<Index>(layers_.size()); }  ///< L
  Index outputs() const { return outputs_; }                          ///< K, or P without a head
  StreamLayer<Cell, Scalar>& layer(Index l) { return layers_[static_cast<std::size_t>(l)]; }
  void reset() {
    for (auto& layer : layers_) layer.reset();
  }

  /// One step. x: B * C values. Returns B * outputs() values, valid until the next call.
  const Scalar* step(const Scalar* x);
  /// `steps` steps. x: C values for each row; y: outputs() values for each row.
  void process(Index steps, const Scalar* x, Scalar* y);

 private:
  /// At most block_ steps. Returns the outputs, which are in y if y_wanted.
  StreamRows<Scalar> run(Index steps, const Scalar* x, Scalar* y);

  StreamingOptions options_;
  Index inputs_, outputs_ = 0, block_ = 1;
  std::vector<StreamLayer<Cell, Scalar>> layers_;
  std::vector<bool> pairs_;    // whether a layer runs together with the next
  StreamLinear<Scalar> head_;  // without outputs: no head
  bool one_kernel_ = false;    // whether all is one kernel
  bool fused_ = false;         // whether the last layer computes the head
  Buffer<Scalar> y_;           // B * outputs()
};

}  // namespace rondo::inline RONDO_ABI::detail

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/streaming.inl>
#endif
