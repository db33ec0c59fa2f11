// SPDX-License-Identifier: MIT
// Reads the files of tests/golden; make_golden.py defines their format.
#pragma once

#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <rondo/core/sequence.hpp>
#include <rondo/core/view.hpp>

namespace rondo_test {

class Golden {
 public:
  explicit Golden(const std::string& name) {
    std::ifstream file(RONDO_SOURCE_DIR "/tests/golden/" + name + ".txt");
    std::string tensor;
    std::getline(file, tensor);  // provenance
    for (std::size_t count; file >> tensor >> count;) {
      auto& values = tensors_[tensor];
      values.resize(count);
      for (double& v : values) file >> v;
      if (!file) throw std::runtime_error("golden file " + name + " ends inside " + tensor);
    }
  }

  const std::vector<double>& operator[](const std::string& tensor) const {
    const auto found = tensors_.find(tensor);
    if (found == tensors_.end()) throw std::runtime_error("no golden tensor " + tensor);
    return found->second;
  }

  std::vector<std::int32_t> integers(const std::string& tensor) const {
    const auto& values = (*this)[tensor];
    return {values.begin(), values.end()};
  }

  /// A PyTorch matrix (rows x cols, row by row) into a view.
  template <class Scalar>
  void read_matrix(const std::string& tensor, rondo::MatrixView<Scalar> to) const {
    const auto& values = sized(tensor, to.rows * to.cols);
    for (rondo::Index i = 0; i < to.rows; ++i)
      for (rondo::Index j = 0; j < to.cols; ++j) to(i, j) = static_cast<Scalar>(values[std::size_t(i * to.cols + j)]);
  }

  /// A PyTorch tensor (T, B, C): its bytes are those of a Sequence.
  template <class Scalar>
  void read_sequence(const std::string& tensor, rondo::Sequence<Scalar>& to) const {
    const auto& values = sized(tensor, to.size());
    for (rondo::Index n = 0; n < to.size(); ++n) to.data()[n] = static_cast<Scalar>(values[std::size_t(n)]);
  }

 private:
  const std::vector<double>& sized(const std::string& tensor, rondo::Index size) const {
    const auto& values = (*this)[tensor];
    if (static_cast<rondo::Index>(values.size()) != size) throw std::runtime_error("golden " + tensor + ": wrong size");
    return values;
  }

  std::map<std::string, std::vector<double>> tensors_;
};

}  // namespace rondo_test
