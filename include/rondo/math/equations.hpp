// SPDX-License-Identifier: MIT
// The equations of the cells, forward and backward, for all backends. Each cell is a tag type with constants
// (math/cells/lstm.hpp) and a specialisation of Equations (math/cells/lstm.inl), generic over the value type: scalars
// and Eigen arrays here, vector registers of every instruction set in cpu/kernels/, the values of one CUDA thread in
// cuda/recurrent/cells.cuh. Each of these places defines sigmoid(v) and tanh(v) for its values and includes the same
// .inl files. The functions are constexpr because nvcc lets such functions run on a GPU.
//
// Linear parts are matrix products and belong to each backend: (0) z = W x + R h_before + b in the forward pass, (15)
// to (19) in the backward pass.
#pragma once

#include <rondo/version.hpp>

#include <cmath>

namespace rondo::inline RONDO_ABI {

/// Consecutive gates of W and the consecutive blocks of a step that they are added to.
struct GateRun {
  int gate;   ///< first gate
  int block;  ///< block of the first gate
  int count;  ///< number of gates
};

/// The gate of W that is added to block `block`, or -1 if there is none.
template <class Cell>
constexpr int gate_of_block(int block) {
  for (const GateRun& run : Cell::kInputRuns)
    if (run.block <= block && block < run.block + run.count) return run.gate + block - run.block;
  return -1;
}

/// The block that gate `gate` of W is added to, or -1 if there is none.
template <class Cell>
constexpr int block_of_gate(int gate) {
  for (const GateRun& run : Cell::kInputRuns)
    if (run.gate <= gate && gate < run.gate + run.count) return run.block + gate - run.gate;
  return -1;
}

namespace equations {

using std::tanh;

/// The logistic function, 1 / (1 + exp(-x)).
template <class V>
auto sigmoid(const V& x) {
  using std::exp;
  return 1 / (1 + exp(-x));
}

template <class Cell>
struct Equations;

}  // namespace equations

using equations::sigmoid;

}  // namespace rondo::inline RONDO_ABI
