// SPDX-License-Identifier: MIT
// Checkpoints: the weights of a model with text beside them, and, to resume training bit for bit, Adam's moments and
// the state of the streams too. All that only training needs is named "training.…"; torch reads the weights of either
// kind.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/io/safetensors.hpp>
#include <rondo/io/weights.hpp>
#include <rondo/optim/adam.hpp>

#include <filesystem>
#include <map>
#include <string>

namespace rondo::inline v0 {

namespace detail {

inline constexpr const char* kTraining = "training.";
inline constexpr const char* kFirstMoment = "training.first_moment.";
inline constexpr const char* kSecondMoment = "training.second_moment.";
inline constexpr const char* kAdamSteps = "training.adam_steps";

}  // namespace detail

/// Writes the weights alone. `metadata` is text by key, e.g. the model's configuration as JSON. Throws file_error.
template <class Model>
void save_model(const std::filesystem::path& path, Model& model, const std::map<std::string, std::string>& metadata) {
  Safetensors file;
  file.metadata = metadata;
  add_weights(file, model);
  file.write(path);
}

/// Sets the weights of a model of the same shape from either kind of file. Throws file_error, naming the file.
template <class Model>
void load_model(const std::filesystem::path& path, Model& model) {
  const auto file = Safetensors::read(path);
  try {
    read_weights(file, model, detail::kTraining);
  } catch (const file_error& e) {
    throw file_error(path.string() + ": " + e.what());
  }
}

/// Adds Adam's moments and step count, for a model on the CPU.
template <class Model>
void add_optimizer(Safetensors& file, Model& model, const Adam& adam) {
  file.metadata[detail::kAdamSteps] = std::to_string(adam.steps());
  model.for_each_parameter([&]<class Scalar>(const Path& path, Parameter<Scalar, Cpu>& p) {
    const std::string name(path.text());
    detail::add_matrix<Scalar>(file, detail::kFirstMoment + name, p.first_moment(), p.torch_shape());
    detail::add_matrix<Scalar>(file, detail::kSecondMoment + name, p.second_moment(), p.torch_shape());
  });
}

/// Reads what add_optimizer added. Throws file_error, also where the file holds weights alone.
template <class Model>
void read_optimizer(const Safetensors& file, Model& model, Adam& adam) {
  const auto steps = file.metadata.find(detail::kAdamSteps);
  if (steps == file.metadata.end()) throw file_error("holds weights alone, no training to resume");
  adam.set_steps(std::stoll(steps->second));
  model.for_each_parameter([&]<class Scalar>(const Path& path, Parameter<Scalar, Cpu>& p) {
    const std::string name(path.text());
    detail::read_matrix(file, detail::kFirstMoment + name, p.first_moment(), p.torch_shape());
    detail::read_matrix(file, detail::kSecondMoment + name, p.second_moment(), p.torch_shape());
  });
}

/// Adds a sequence, C x B x T here, as "training.<name>", (T, B, C) there.
template <class Scalar>
void add_sequence(Safetensors& file, const std::string& name, const Sequence<Scalar>& x) {
  file.add<Scalar>(detail::kTraining + name, {x.time(), x.batch(), x.features()},
                   std::span(x.data(), static_cast<std::size_t>(x.size())));
}

/// Fills x, which has its shape, with what add_sequence added. Throws file_error.
template <class Scalar>
void read_sequence(const Safetensors& file, const std::string& name, Sequence<Scalar>& x) {
  const std::string full = detail::kTraining + name;
  const auto values = detail::values_of<Scalar>(file, full, {x.time(), x.batch(), x.features()});
  std::copy(values.begin(), values.end(), x.data());
}

}  // namespace rondo::inline v0
