// SPDX-License-Identifier: MIT
// For the program that microcontroller_test.py writes: runs the self-test of a model and a file of samples.
#pragma once

#include <rondo/embedded/static_model.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

/// The floats of a file.
inline std::vector<float> read(const char* path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  std::vector<float> values(bytes.size() / sizeof(float));
  bytes.copy(reinterpret_cast<char*>(values.data()), values.size() * sizeof(float));
  return values;
}

/// Writes the outputs for `x` to <name>.f32. Returns whether the self-test passed.
template <class Model, class Test>
bool run(const std::string& name, const Test& test, const std::vector<float>& x) {
  Model model;
  const float difference = rondo::embedded::self_test_difference(model, test);
  std::vector<float> y(x.size() / Model::kInputs * Model::kOutputs);
  model.process(x.data(), y.data(), x.size() / Model::kInputs);
  std::ofstream(name + ".f32", std::ios::binary)
      .write(reinterpret_cast<const char*>(y.data()), static_cast<std::streamsize>(y.size() * sizeof(float)));
  std::printf("%s: self-test %g of %g\n", name.c_str(), static_cast<double>(difference),
              static_cast<double>(test.tolerance));
  return difference <= test.tolerance;
}
