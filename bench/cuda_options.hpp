// SPDX-License-Identifier: MIT
// The command line of bench_cuda, and its default shapes.
#pragma once

#include "cuda_timing.hpp"
#include "shape.hpp"

#include <rondo/core/precision.hpp>
#include <rondo/cuda/context.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct CudaOptions {
  std::vector<Shape> shapes;
  std::vector<rondo::cuda::RecurrentAlgorithm> algorithms;
  std::vector<rondo::Precision> precisions;
  std::string filter;   // substring of a configuration's name
  std::string json;     // file to append to; empty: none
  std::string choices;  // file for the choices of automatic; empty: none
  Plan plan;
  bool check_only = false;
  double seconds = 0;   // no configuration starts after this time; 0: no limit
  double timeout = 60;  // seconds for one configuration, after which the GPU is assumed to hang; 0: no limit
  std::uint64_t seed = 0;
};

/// Throws std::invalid_argument with a description of the error.
CudaOptions parse_cuda_options(int argc, char** argv);

extern const char kCudaUsage[];

}  // namespace bench
