// SPDX-License-Identifier: MIT
// One LSTM layer over a sequence on a GPU: the overloads of what cpu/lstm.hpp and cpu/lstm_inference.hpp have, for
// float and double, with the same meaning. How time is walked is the context's LstmWalk. bf16 and fp16 round the
// factors of all products; coming back fp16 rounds to bf16, whose range holds any gradient. Legend: C input features, H
// hidden units, B batch, T time steps.
#pragma once

#include <rondo/core/lstm_cache.hpp>
#include <rondo/core/operations.hpp>
#include <rondo/core/precision.hpp>
#include <rondo/core/recurrent_input.hpp>
#include <rondo/cuda/buffer.hpp>

#include <any>
#include <cstdint>
#include <utility>

struct CUgraphExec_st;

namespace rondo::inline v0 {

namespace cuda {

/// The launches of one pass, captured once and replayed while nothing that they refer to moves. A copy is empty.
class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) {}
  Graph(Graph&& other) noexcept { *this = std::move(other); }
  Graph& operator=(const Graph&) { return *this; }
  Graph& operator=(Graph&& other) noexcept {
    std::swap(executable_, other.executable_);
    std::swap(key_, other.key_);
    return *this;
  }
  ~Graph();

  /// Replays what was captured for the same key, all that the launches depend on; else captures enqueue() first.
  template <class Key, class Enqueue>
  void run(const Key& key, Enqueue&& enqueue) {
    if (const Key* captured = std::any_cast<Key>(&key_); !captured || *captured != key) {
      key_.reset();
      begin_capture();
      try {
        enqueue();
      } catch (...) {
        abandon_capture();
        throw;
      }
      end_capture();
      key_ = key;
    }
    replay();
  }

 private:
  void begin_capture();
  void abandon_capture();
  void end_capture();
  void replay();

  CUgraphExec_st* executable_ = nullptr;
  std::any key_;
};

}  // namespace cuda

template <class Scalar>
struct LstmWorkspace<Scalar, Cuda> {
  Buffer<std::int32_t, Cuda> lengths;  // B, of a ragged batch
  Sequence<Scalar, Cuda> x, dx;        // C x B x T: of token inputs, what was looked up; of ragged ones, x with zeros
                                       // in its padding
  Sequence<Scalar, Cuda> dz;           // 4H x B x T  gradients of the pre-activations
  Sequence<Scalar, Cuda> dy;           // H x B x T: in a wavefront, what the layer above passes down
  Buffer<Scalar, Cuda> dh, dc;         // H x B       what step t+1 passes down to step t
  Buffer<Scalar, Cuda> dh_end;         // H x B       the gradient of the final hidden state
  Buffer<std::uint16_t, Cuda> W_words, R_words, x_words, h_words, dz_words;  // bf16 or fp16
  Buffer<std::uint32_t, Cuda> barrier;                                       // of the grid-persistent walk
  cuda::Graph forward_graph, backward_graph;
};

template <class Scalar>
void lstm_forward(Cuda, Precision precision, const LstmWeights<const Scalar>& w, const Sequence<Scalar, Cuda>& x,
                  LstmLayerCache<Scalar, Cuda>& cache);
template <class Scalar>
void lstm_forward(Cuda, Precision precision, const LstmWeights<const Scalar>& w, const TokenInput<Scalar, Cuda>& x,
                  LstmLayerCache<Scalar, Cuda>& cache);

template <class Scalar>
void lstm_backward(Cuda, Precision precision, const LstmWeights<const Scalar>& w, const Sequence<Scalar, Cuda>& x,
                   const Sequence<Scalar, Cuda>& dy, LstmLayerCache<Scalar, Cuda>& cache,
                   const LstmWeights<Scalar>& grad, MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
                   Sequence<Scalar, Cuda>* dx);
template <class Scalar>
void lstm_backward(Cuda, Precision precision, const LstmWeights<const Scalar>& w, const TokenInput<Scalar, Cuda>& x,
                   const Sequence<Scalar, Cuda>& dy, LstmLayerCache<Scalar, Cuda>& cache,
                   const LstmWeights<Scalar>& grad, MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
                   MatrixView<Scalar> dE);

/// The state after each sequence's last step: h, c (H x B).
template <class Scalar>
void lstm_final_state(Cuda, const LstmLayerCache<Scalar, Cuda>& cache, MatrixView<Scalar> h, MatrixView<Scalar> c);

/// The cell of one step that nobody looks back on: see cpu/lstm.hpp.
template <class Scalar>
void lstm_step_cells(Cuda, MatrixView<Scalar> z, MatrixView<Scalar> c, MatrixView<Scalar> h);

// ---- layers that only run

template <class Scalar>
struct InferenceWeights<Scalar, Cuda> {
  Index inputs = 0, hidden = 0;
  Precision precision = Precision::fp32;
  Buffer<Scalar, Cuda> W, R, b;  // 4H x C, 4H x H, 4H
};

template <class Scalar>
struct InferenceWorkspace<Scalar, Cuda> {
  LstmLayerCache<Scalar, Cuda> cache;
};

template <class Scalar>
void lstm_prepare_inference(Cuda, Precision precision, const LstmWeights<const Scalar>& from,
                            InferenceWeights<Scalar, Cuda>& to);
template <class Scalar>
void lstm_infer(Cuda, const InferenceWeights<Scalar, Cuda>& w, const Sequence<Scalar, Cuda>& x, MatrixView<Scalar> h,
                MatrixView<Scalar> c, Sequence<Scalar, Cuda>& y, InferenceWorkspace<Scalar, Cuda>& work);

}  // namespace rondo::inline v0
