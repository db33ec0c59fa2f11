// SPDX-License-Identifier: MIT
// The equations of the cells, forward and backward, once. Each cell is a tag with constants (math/cells/lstm.hpp) and a
// specialisation of Equations (math/cells/lstm.inl) that is written for "a value": here for numbers and Eigen arrays,
// in cpu/kernels/ for the vector registers of every instruction set, in cuda/recurrent/cells.cuh for a CUDA thread.
// Each of those places supplies sigmoid(v) and tanh(v) of its own values and includes the same text. The functions are
// constexpr because nvcc lets such functions run on a GPU.
//
// What is linear stands outside, since it is a matrix product and belongs to each backend: (0) z = W x + R h_before + b
// going forward, (15) to (19) coming back.
#pragma once

#include <rondo/version.hpp>

#include <cmath>

namespace rondo::inline RONDO_ABI {

/// `count` gates of W that follow each other from `gate` on, and the block that the first of them is added to.
struct GateRun {
  int gate, block, count;
};

/// The gate of W that is added to block `block`, or -1.
template <class Cell>
constexpr int gate_of_block(int block) {
  for (const GateRun& run : Cell::kInputRuns)
    if (run.block <= block && block < run.block + run.count) return run.gate + block - run.block;
  return -1;
}

/// The block that gate `gate` of W is added to.
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
