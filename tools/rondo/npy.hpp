// SPDX-License-Identifier: MIT
// NumPy's .npy files: one array of numbers.
#pragma once

#include <rondo/core/view.hpp>

#include <filesystem>
#include <vector>

namespace tool {

/// An array, row-major.
struct Array {
  std::vector<rondo::Index> shape;
  std::vector<double> values;
  bool is_double = false;   ///< float64, also when written; otherwise float32
  bool is_integer = false;  ///< of a type of integers
};

/// Reads float32, float64, int32 or int64 in C order. Throws rondo::file_error that names the file and the problem.
Array read_npy(const std::filesystem::path& path);

/// Writes float32, or float64 if array.is_double. Throws rondo::file_error.
void write_npy(const std::filesystem::path& path, const Array& array);

}  // namespace tool
