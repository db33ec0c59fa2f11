// SPDX-License-Identifier: MIT
// Checkpoints: the weights of a model with text beside them, and, to resume training bit for bit, Adam's moments and
// the state of the streams too. All that only training needs is named "training.…"; torch reads the weights of either
// kind. Equal numbers are equal bytes, whichever device they were on, so a training may go on elsewhere.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/io/safetensors.hpp>
#include <rondo/io/weights.hpp>
#include <rondo/optim/adam.hpp>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

namespace rondo::inline RONDO_ABI {

namespace detail {

inline constexpr const char* kTraining = "training.";
inline constexpr const char* kFirstMoment = "training.first_moment.";
inline constexpr const char* kSecondMoment = "training.second_moment.";
inline constexpr const char* kAdamSteps = "training.adam_steps";

}  // namespace detail

/// Writes the weights alone. `metadata` is text by key, e.g. the model's configuration as JSON. Throws file_error.
template <class Model>
void save_model(const std::filesystem::path& path, const Model& model,
                const std::map<std::string, std::string>& metadata) {
  Safetensors file;
  file.metadata = metadata;
  add_weights(file, model);
  file.write(path);
}

/// Sets the weights of a model of the same shape from either kind of file. Throws file_error, naming the file and all
/// that does not fit, and then changes nothing.
template <class Model>
void load_model(const std::filesystem::path& path, Model& model) {
  const auto file = Safetensors::read(path);
  try {
    read_weights(file, model, detail::kTraining);
  } catch (const file_error& e) {
    throw file_error(path.string() + ": " + e.what());
  }
}

/// Adds Adam's moments and step count.
template <class Model>
void add_optimizer(Safetensors& file, Model& model, const Adam& adam) {
  file.metadata[detail::kAdamSteps] = std::to_string(adam.steps());
  model.for_each_parameter([&]<class Scalar, class Device>(const Path& path, Parameter<Scalar, Device>& p) {
    const auto add = [&](const char* kind, MatrixView<Scalar> moment) {
      const std::string name = kind + std::string(path.text());
      with_host_copy(Device{}, moment, [&](auto m) { detail::add_matrix<Scalar>(file, name, m, p.kind()); });
    };
    add(detail::kFirstMoment, p.first_moment());
    add(detail::kSecondMoment, p.second_moment());
  });
}

/// Reads what add_optimizer added. Throws file_error with all that does not fit, also where the file holds weights
/// alone, and then changes nothing.
template <class Model>
void read_optimizer(const Safetensors& file, Model& model, Adam& adam) {
  const auto text = file.metadata.find(detail::kAdamSteps);
  if (text == file.metadata.end()) throw file_error("holds weights alone, no training to resume");
  detail::Problems problems;
  const std::string& digits = text->second;
  std::int64_t steps = 0;
  if (const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), steps);
      status != std::errc() || end != digits.data() + digits.size() || steps < 0)
    problems.add(std::string(detail::kAdamSteps) + " is \"" + digits + "\", wanted a number of steps");
  detail::visit_parameters(model, [&](const Path& path, const auto& p) {
    for (const char* kind : {detail::kFirstMoment, detail::kSecondMoment})
      problems.add(detail::tensor_problem(file, kind + std::string(path.text()),
                                          detail::torch_extents(p.rows(), p.cols(), p.kind())));
  });
  problems.raise();

  adam.set_steps(steps);
  model.for_each_parameter([&]<class Scalar, class Device>(const Path& path, Parameter<Scalar, Device>& p) {
    const auto read = [&](const char* kind, MatrixView<Scalar> moment) {
      const std::string name = kind + std::string(path.text());
      set_from_host(Device{}, moment, [&](auto m) { detail::read_matrix(file, name, m, p.kind()); });
    };
    read(detail::kFirstMoment, p.first_moment());
    read(detail::kSecondMoment, p.second_moment());
  });
}

/// Adds a sequence, C x B x T here, as "training.<name>", (T, B, C) there.
template <class Scalar, class Device>
void add_sequence(Safetensors& file, const std::string& name, const Sequence<Scalar, Device>& x) {
  with_host_copy(Device{}, x.flat(), [&](auto values) {
    file.add<Scalar>(detail::kTraining + name, {x.time(), x.batch(), x.features()},
                     std::span(values.data, static_cast<std::size_t>(x.size())));
  });
}

/// Fills x, which has its shape, with what add_sequence added. Throws file_error.
template <class Scalar, class Device>
void read_sequence(const Safetensors& file, const std::string& name, Sequence<Scalar, Device>& x) {
  const std::string full = detail::kTraining + name;
  const auto values = detail::values_of<Scalar>(file, full, {x.time(), x.batch(), x.features()});
  set_from_host(Device{}, x.flat(), [&](auto to) { std::copy(values.begin(), values.end(), to.data); });
}

}  // namespace rondo::inline RONDO_ABI
