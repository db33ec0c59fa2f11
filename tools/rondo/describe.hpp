// SPDX-License-Identifier: MIT
// What the subcommands say about a model.
#pragma once

#include <rondo/io/model_description.hpp>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

namespace tool {

/// Reads a model file, or the model of a folder that `piano train` made. Throws rondo::file_error.
rondo::ModelDescription read(const std::filesystem::path& path);

/// The same, for use: also throws if the file's self-test fails, and prints warnings on stderr.
rondo::ModelDescription read_tested(const std::filesystem::path& path);

/// "1 input", "2 inputs".
std::string count(rondo::Index n, const std::string& what);

/// One line about a module: "lstm  LSTM, 2 layers, 88 inputs, 256 units, 2 directions".
std::string describe(const rondo::Module& module);

/// {format, cell, layers, directions, hidden, projection, input, output, parameters, path}, and modules, sample_rate,
/// streams. cell, layers, directions, hidden and projection are those of the first recurrent module.
nlohmann::json summary(const rondo::ModelDescription& model, const std::string& path);

}  // namespace tool
