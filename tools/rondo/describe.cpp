// SPDX-License-Identifier: MIT
#include "rondo/describe.hpp"

#include <rondo/io/read_model.hpp>
#include <rondo/io/self_test.hpp>
#if defined(RONDO_TOOL_ONNX)
#include <rondo/io/formats/onnx.hpp>
#endif

#include <cstdio>
#include <fstream>
#include <iterator>
#include <variant>

namespace tool {

using rondo::Index;

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

/// Whether a file starts with the tag of ONNX's first field, and is no safetensors file with such a length of its
/// header.
bool starts_like_onnx(const std::filesystem::path& path) {
  char start[9] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof start);
  return start[0] == 8 && start[8] != '{';
}

rondo::ModelDescription read_onnx_file(const std::filesystem::path& path) {
#if defined(RONDO_TOOL_ONNX)
  std::ifstream in(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  try {
    return rondo::read_onnx(bytes);
  } catch (const rondo::file_error& e) {
    throw rondo::file_error(path.string() + ": " + e.what());
  }
#else
  throw rondo::file_error(path.string() + ": an ONNX file; this program was built without ONNX (-DRONDO_ONNX=ON)");
#endif
}

}  // namespace

std::string count(Index n, const std::string& what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

rondo::ModelDescription read(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path) && std::filesystem::exists(path / "model.safetensors"))
    return rondo::read_model(path / "model.safetensors");
  return starts_like_onnx(path) ? read_onnx_file(path) : rondo::read_model(path);
}

std::string describe(const rondo::Module& module) {
  const std::string text = std::visit(
      Overloaded{[](const rondo::RecurrentModule& m) {
                   const rondo::RecurrentConfig& c = m.config;
                   std::string line = std::string(name(m.cell)) + ", " + count(c.layers, "layer") + ", " +
                                      count(c.input, "input") + ", " + count(c.hidden, "unit");
                   if (c.bidirectional) line += ", bidirectional";
                   if (c.projection > 0) line += ", projection to " + std::to_string(c.projection);
                   if (!c.bias) line += ", no bias";
                   if (c.learned_initial_state) line += ", initial state";
                   return line;
                 },
                 [](const rondo::LinearModule& m) {
                   return "linear, " + count(m.config.input, "input") + ", " + count(m.config.output, "output") +
                          (m.config.bias ? "" : ", no bias");
                 },
                 [](const rondo::EmbeddingModule& m) {
                   return "embedding, " + count(m.vocabulary, "token") + ", " + count(m.features, "feature") +
                          (m.ids_per_step > 1 ? ", " + count(m.ids_per_step, "id") + " per step" : "");
                 },
                 [](const rondo::ActivationModule& m) { return std::string(name(m.activation)); },
                 [](const rondo::GainModule& m) { return "gain " + nlohmann::json(m.factor).dump(); },
                 [](const rondo::SkipModule& m) {
                   return m.from == 0 ? std::string("adds the input")
                                      : "adds the output of module " + std::to_string(m.from);
                 }},
      module.part);
  return module.name + (module.name.empty() ? "" : ": ") + text;
}

nlohmann::json summary(const rondo::ModelDescription& model, const std::string& path) {
  nlohmann::json result{{"format", model.format},
                        {"input", model.input()},
                        {"output", model.output()},
                        {"parameters", model.parameters()},
                        {"path", path},
                        {"streams", model.streams()},
                        {"takes_tokens", model.takes_tokens()}};
  for (const char* key : {"cell", "layers", "directions", "hidden", "projection"}) result[key] = nullptr;
  if (model.sample_rate > 0) result["sample_rate"] = model.sample_rate;
  for (const rondo::Module& module : model.modules) {
    result["modules"].push_back(describe(module));
    const auto* recurrent = std::get_if<rondo::RecurrentModule>(&module.part);
    if (recurrent == nullptr || !result["cell"].is_null()) continue;
    result["cell"] = name(recurrent->cell);
    result["layers"] = recurrent->config.layers;
    result["directions"] = recurrent->config.directions();
    result["hidden"] = recurrent->config.hidden;
    result["projection"] = recurrent->config.projection;
  }
  return result;
}

rondo::ModelDescription read_tested(const std::filesystem::path& path) {
  rondo::ModelDescription model = read(path);
  for (const std::string& warning : model.warnings)
    std::fprintf(stderr, "rondo: %s: warning: %s\n", path.string().c_str(), warning.c_str());
  try {
    require_self_test(model);
  } catch (const rondo::file_error& e) {
    throw rondo::file_error(path.string() + ": " + e.what());
  }
  return model;
}

}  // namespace tool
