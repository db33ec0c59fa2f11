// SPDX-License-Identifier: MIT
// Reads a trained model from a file of any known format. The format is recognised by the content, not by the name.
#pragma once

#include <rondo/io/formats/guitarml.hpp>
#include <rondo/io/formats/keras_json.hpp>
#include <rondo/io/formats/nam.hpp>
#include <rondo/io/formats/pytorch.hpp>
#include <rondo/io/formats/state_dict_json.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace rondo::inline RONDO_ABI {

namespace detail {

inline ModelDescription read_model_json(std::string_view bytes) {
  const JsonValue file = parse_json_document(bytes);
  if (file.find("architecture")) return read_nam(file);
  if (file.find("model_data")) return read_guitarml(file);
  if (file.find("layers")) return read_keras_json(file);
  return read_state_dict_json(file);
}

}  // namespace detail

/// Reads a model from the bytes of a file and checks it (ModelDescription::check). Throws file_error with all problems.
///
/// Formats: PyTorch state dicts as safetensors or JSON, RTNeural's Keras JSON and AIDA-X, GuitarML JSON, .nam.
inline ModelDescription parse_model(std::string_view bytes) {
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  try {
    ModelDescription model = first != std::string_view::npos && bytes[first] == '{'
                                 ? detail::read_model_json(bytes)
                                 : detail::read_pytorch(Safetensors::parse(bytes));
    model.check();
    return model;
  } catch (const file_error& e) {
    throw file_error(detail::one_line(e.what()));
  }
}

/// Reads a model from a file. Throws file_error that names the file and all problems.
inline ModelDescription read_model(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path)) throw file_error(path.string() + ": cannot be opened");
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  try {
    return parse_model(bytes);
  } catch (const file_error& e) {
    throw file_error(path.string() + ": " + e.what());
  }
}

}  // namespace rondo::inline RONDO_ABI
