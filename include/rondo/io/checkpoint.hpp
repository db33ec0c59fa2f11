// SPDX-License-Identifier: MIT
// Checkpoints: the weights of a model with text beside them, and, to resume training bit for bit, Adam's moments too.
// Both are safetensors files; torch reads the weights of either.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <rondo/io/safetensors.hpp>
#include <rondo/io/weights.hpp>
#include <rondo/optim/adam.hpp>

namespace rondo::inline v0 {

namespace detail {

inline constexpr const char* kFirstMoment = "adam.first_moment.";
inline constexpr const char* kSecondMoment = "adam.second_moment.";

/// Puts the file's name before an error about what it holds.
template <class F>
void naming(const std::filesystem::path& path, F&& f) {
  try {
    f();
  } catch (const file_error& e) {
    throw file_error(path.string() + ": " + e.what());
  }
}

}  // namespace detail

/// Writes the weights alone. `metadata` is text by key, e.g. the model's configuration as JSON.
template <class Model>
void save_model(const std::filesystem::path& path, Model& model, const std::map<std::string, std::string>& metadata) {
  Safetensors file;
  file.metadata = metadata;
  add_weights(file, model);
  file.write(path);
}

/// Writes weights, moments and Adam's step count.
template <class Model>
void save_checkpoint(const std::filesystem::path& path, Model& model, const Adam& adam,
                     std::map<std::string, std::string> metadata) {
  Safetensors file;
  metadata["adam.steps"] = std::to_string(adam.steps());
  file.metadata = std::move(metadata);
  add_weights(file, model);
  model.for_each_parameter([&]<class Scalar>(const Path& name, Parameter<Scalar, Cpu>& p) {
    detail::add_matrix<Scalar>(file, detail::kFirstMoment + std::string(name.text()), p.first_moment(),
                               p.torch_shape());
    detail::add_matrix<Scalar>(file, detail::kSecondMoment + std::string(name.text()), p.second_moment(),
                               p.torch_shape());
  });
  file.write(path);
}

/// Reads the weights of either kind of file into a model of the same shape. Throws file_error.
template <class Model>
void load_model(const std::filesystem::path& path, const Safetensors& file, Model& model) {
  detail::naming(path, [&] { read_weights(file, model, "adam."); });
}

/// Reads what save_checkpoint wrote. Throws file_error, also for a file of weights alone.
template <class Model>
void load_checkpoint(const std::filesystem::path& path, const Safetensors& file, Model& model, Adam& adam) {
  load_model(path, file, model);
  detail::naming(path, [&] {
    const auto steps = file.metadata.find("adam.steps");
    if (steps == file.metadata.end()) throw file_error("holds weights alone, not a training state to resume from");
    adam.set_steps(std::stoll(steps->second));
    model.for_each_parameter([&]<class Scalar>(const Path& name, Parameter<Scalar, Cpu>& p) {
      detail::read_matrix(file, detail::kFirstMoment + std::string(name.text()), p.first_moment(), p.torch_shape());
      detail::read_matrix(file, detail::kSecondMoment + std::string(name.text()), p.second_moment(), p.torch_shape());
    });
  });
}

}  // namespace rondo::inline v0
