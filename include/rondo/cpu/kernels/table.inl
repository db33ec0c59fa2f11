// SPDX-License-Identifier: MIT
// The function table of one level: no include guard, no includes.

inline constexpr Kernels kKernels{kLanes,
                                  kPanelRows,
                                  multiply,
                                  {softmax, adam, sum_of_squares, add, dropout},
                                  kProductKernels<Fp32>,
                                  kProductKernels<Bf16>};

template <class Cell>
inline constexpr CellKernels kCellKernels{kCellProductKernels<Fp32, Cell>, kCellProductKernels<Bf16, Cell>};

inline constexpr StreamLinearKernel kStreamLinear = stream_linear;

template <class Cell>
inline constexpr StreamKernels kStreamKernels{kLanes, pack_gates<Fp32, Cell::kGates>, stream_step<Cell>,
                                              stream_form<Cell>, [](long, bool fast, long& width) {
                                                width = kLanes;
                                                return stream_voices<Cell>(fast);
                                              }};
