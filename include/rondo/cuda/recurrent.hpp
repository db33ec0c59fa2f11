// SPDX-License-Identifier: MIT
// One recurrent layer over a sequence on a GPU, in one direction: overloads of the functions of cpu/recurrent.hpp and
// cpu/recurrent_inference.hpp, for float and double, with the same meaning. The context's RecurrentAlgorithm selects
// the algorithm. bf16 and fp16 round the operands of all products; the backward pass of fp16 rounds to bf16, whose
// range holds any gradient. With them the saved activations have 16 bits, too (cuda/recurrent/arguments.hpp). Legend: C
// input features, H hidden units, P outputs, G gates and N blocks of the cell, B batch, T time steps.
#pragma once

#include <rondo/cuda/buffer.hpp>
#include <rondo/cuda/stream_capture.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/inference.hpp>
#include <rondo/recurrent/input.hpp>
#include <rondo/recurrent/weights.hpp>

#include <algorithm>
#include <any>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace cuda {

/// Graphs of the launches of passes, by their arguments and context. Arguments that are new are only remembered, since
/// most of those of a varying length do not come again; when they do, their launches are captured, and replayed from
/// then on. Keeps those that were used last. A copy is empty.
class GraphCache {
 public:
  GraphCache() = default;
  GraphCache(const GraphCache&) {}
  GraphCache(GraphCache&& other) noexcept { *this = std::move(other); }
  GraphCache& operator=(const GraphCache&) { return *this; }
  GraphCache& operator=(GraphCache&& other) noexcept {
    std::swap(entries_, other.entries_);
    return *this;
  }
  ~GraphCache();

  /// Runs enqueue(), whose launches have all their arguments in `key`, or replays them. Where the caller captures the
  /// stream, its graph gets the launches.
  template <class Key, class Enqueue>
  void run(const Key& key, Enqueue&& enqueue) {
    if (caller_captures()) return enqueue();
    const std::uint64_t context = context_number();
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
      const Key* const other = std::any_cast<Key>(&e.key);
      return e.context == context && other && *other == key;
    });
    if (found == entries_.end()) {
      add({context, key, nullptr});
      return enqueue();
    }
    std::rotate(found, found + 1, entries_.end());
    Entry& entry = entries_.back();
    if (!entry.executable) {
      StreamCapture capture;
      enqueue();
      entry.executable = capture.finish();
    }
    launch(entry.executable);
  }

 private:
  struct Entry {
    std::uint64_t context;  // see Context::Impl: captured products use the workspace of their context
    std::any key;
    CUgraphExec_st* executable;  // null: seen once
  };

  static std::uint64_t context_number();
  static bool caller_captures();
  static void launch(CUgraphExec_st* executable);
  void add(Entry entry);

  std::vector<Entry> entries_;  // the last one was used last
};

}  // namespace cuda

template <class Scalar>
struct RecurrentWorkspace<Scalar, Cuda> {
  static constexpr bool saves_16_bits(Precision precision) {
    return sizeof(Scalar) == 4 && (precision == Precision::bf16 || precision == Precision::fp16);
  }

  Buffer<std::uint16_t, Cuda> gates_low, c_low, tanh_c_low;  // NH x B x T, H x B x T: fp16, with saves_16_bits
  Buffer<Scalar, Cuda> z;                                    // NH x B x T  W x of an inference pass
  Buffer<Scalar, Cuda> product;                              // GH x B      R h(t-1) of one step
  Buffer<Scalar, Cuda> c;                                    // H x B       c after the step that ran last
  Buffer<std::int32_t, Cuda> lengths;                        // B of a ragged batch, then StepOrder::needed
  Buffer<Scalar, Cuda> bias;        // NH, for cells with blocks that do not add b and b_R as one bias
  Sequence<Scalar, Cuda> x, dx;     // C x B x T: embeddings of tokens; for ragged input, x with zero padding
  Buffer<Scalar, Cuda> dz;          // NH x B x T  gradients of the pre-activations, unless they are in dz_low
  Buffer<Scalar, Cuda> dh;          // P x B       gradient of h(t) from step t+1
  Buffer<Scalar, Cuda> dc;          // H x B       the same for the cell's state
  Buffer<Scalar, Cuda> dh_end;      // P x B       the gradient of the final hidden state, then of the initial one
  Buffer<Scalar, Cuda> dz_first;    // GH x B      dz of each sequence's first step in a reverse ragged batch
  Sequence<Scalar, Cuda> dh_total;  // P x B x T   with a projection: the gradient of h(t)
  Buffer<Scalar, Cuda> dm;          // H x B       with a projection: the gradient of the cell output
  Buffer<Scalar, Cuda> dz_by_c;     // H x B*T     for peepholes
  Buffer<std::uint16_t, Cuda> W_low, R_low, projection_low, x_low, h_low, m_low;  // operands in bf16 or fp16
  Buffer<std::uint16_t, Cuda> dz_low, dz_first_low, dh_low;
  Buffer<std::uint32_t, Cuda> barrier;  // for the grid-persistent algorithm
  cuda::GraphCache forward_graphs, backward_graphs;
};

/// The algorithm that a forward pass would use: the name of a RecurrentAlgorithm.
template <class Cell, class Scalar>
const char* recurrent_path(Cuda, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w);

template <class Cell, class Scalar>
void recurrent_forward(Cuda, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                       const RecurrentInput<Scalar, Cuda>& x, SequenceView<Scalar> y,
                       RecurrentCache<Scalar, Cuda>& cache);

template <class Cell, class Scalar>
void recurrent_backward(Cuda, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                        const RecurrentInput<Scalar, Cuda>& x, SequenceView<Scalar> y, SequenceView<const Scalar> dy,
                        RecurrentCache<Scalar, Cuda>& cache, const RecurrentWeights<Scalar>& grad,
                        MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
                        const RecurrentInputGradient<Scalar, Cuda>& to);

template <class Cell, class Scalar>
void recurrent_final_state(Cuda, Cell, Direction direction, SequenceView<const Scalar> y,
                           const RecurrentCache<Scalar, Cuda>& cache, MatrixView<Scalar> h, MatrixView<Scalar> c);

template <class Cell, class Scalar>
void recurrent_step(Cuda, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                    MatrixView<const Scalar> x, MatrixView<Scalar> h, MatrixView<Scalar> c,
                    StepScratch<Scalar, Cuda>& scratch);

// ---- inference

template <class Scalar>
struct InferenceWeights<Scalar, Cuda> {
  PassOptions options;
  RecurrentWeights<const Scalar> views;  // used for their shapes
  std::array<Buffer<Scalar, Cuda>, RecurrentWeights<const Scalar>::kTensors> values;
};

template <class Scalar>
struct InferenceWorkspace<Scalar, Cuda> {
  RecurrentCache<Scalar, Cuda> cache;
};

template <class Cell, class Scalar>
void recurrent_prepare_inference(Cuda, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& from,
                                 InferenceWeights<Scalar, Cuda>& to);
template <class Cell, class Scalar>
void recurrent_infer(Cuda, Cell, const InferenceWeights<Scalar, Cuda>& w, SequenceView<const Scalar> x,
                     MatrixView<Scalar> h, MatrixView<Scalar> c, SequenceView<Scalar> y,
                     InferenceWorkspace<Scalar, Cuda>& work);

}  // namespace rondo::inline RONDO_ABI
