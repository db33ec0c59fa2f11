// SPDX-License-Identifier: MIT
// The algorithms that `RecurrentAlgorithm::automatic` chose, and a file of them. A choice is made at the first pass of
// a size on a device and holds until the process ends.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cuda/context.hpp>

#include <string>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

/// One candidate of a choice.
struct AlgorithmTrial {
  RecurrentAlgorithm algorithm = RecurrentAlgorithm::stepwise;
  double expected = 0;  ///< microseconds per step by the cost model
  double measured = 0;  ///< microseconds per step, the shortest of three runs; 0: not measured
  double error = 0;  ///< relative difference of its results to those of the stepwise algorithm; infinite: did not run
  bool agrees = false;  ///< whether that is within the rounding of the precision; else it is never chosen
};

/// A choice for passes of one size on one device.
struct AlgorithmRecord {
  std::string device;                    ///< name, size, driver and version of Rondo
  std::string cell;                      ///< name of the cell: "Lstm", "Gru", ...
  Precision precision{};                 ///< of the products
  bool backward = false;                 ///< a backward pass
  bool ragged = false;                   ///< of sequences of different lengths
  Index hidden = 0;                      ///< H
  Index batch = 0;                       ///< B
  Index time = 0;                        ///< T, rounded down to a power of two
  RecurrentAlgorithm algorithm{};        ///< the choice
  std::vector<AlgorithmTrial> trials{};  ///< the candidates; empty if the choice was read from a file
};

/// All choices so far in this process.
std::vector<AlgorithmRecord> algorithm_records();

/// Forgets them.
void clear_algorithm_records();

/// Writes the choices to a text file, one line each. Throws cuda::error if it cannot be written.
void save_algorithm_records(const std::string& path);

/// Adds the choices of such a file. Those of another device, driver or version of Rondo never apply. Throws cuda::error
/// with the line if the file cannot be read.
void load_algorithm_records(const std::string& path);

}  // namespace rondo::inline RONDO_ABI::cuda
