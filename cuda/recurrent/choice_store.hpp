// SPDX-License-Identifier: MIT
// The choices that were made in this process. Plain C++.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cuda/algorithm_records.hpp>

#include <optional>
#include <string>

namespace rondo::inline RONDO_ABI::cuda {

/// All algorithms, from the simplest to the most complex.
inline constexpr RecurrentAlgorithm kAllAlgorithms[] = {
    RecurrentAlgorithm::stepwise, RecurrentAlgorithm::graph, RecurrentAlgorithm::grid_persistent,
    RecurrentAlgorithm::cluster_persistent, RecurrentAlgorithm::dataflow_persistent};

/// The device of the calling thread's context, its driver, and this version of Rondo.
const std::string& device_text();

/// The stored choice for the device, cell, precision, pass and sizes of `r`.
std::optional<RecurrentAlgorithm> find_choice(const AlgorithmRecord& r);

/// Stores r, unless another thread has stored a choice for the same; returns the stored one.
RecurrentAlgorithm store_choice(const AlgorithmRecord& r);

/// The stored choice for a forward pass of H units of `cell` on this device, whatever its batch.
std::optional<RecurrentAlgorithm> find_choice_of_any_batch(const std::string& cell, Index H, Precision precision);

}  // namespace rondo::inline RONDO_ABI::cuda
