// SPDX-License-Identifier: MIT
// Rondo's side of compare_onnx.py. Each line on stdin is a command; each reply on stdout is "ok", with warnings of the
// model behind it, or "error: " and the message. MODEL is an ONNX file (.onnx) or a file that read_model reads; a
// safetensors file may have the metadata "test.modules", a list like "embedding 1, lstm, gain 0.5, skip 1, fc, tanh".
//
//   onnx MODEL OUT.onnx         write_onnx
//   weights MODEL OUT           writes the tensors as safetensors, with the metadata rondo.modules
//   run MODEL X OUT             x: T x B x C, T x B tokens, or T x B x ids per step, as tensor "x"; y: T x B x K
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <rondo/io/formats/onnx.hpp>
#include <rondo/io/inference_model.hpp>
#include <rondo/io/read_model.hpp>

using namespace rondo;

namespace {

/// The modules of a list with gains and skip connections.
std::vector<Module> modules_of_list(const Safetensors& weights, const std::string& list) {
  const auto found = detail::modules_of(weights);
  std::vector<Module> modules;
  std::istringstream items(list);
  for (std::string item; std::getline(items >> std::ws, item, ',');) {
    std::istringstream words(item);
    std::string word;
    words >> word;
    const std::string name = word + std::to_string(modules.size());
    double number = 0;
    if (words >> number; word == "gain")
      modules.push_back({name, GainModule{number}});
    else if (word == "skip")
      modules.push_back({name, SkipModule{static_cast<std::size_t>(number)}});
    else if (const auto activation = detail::activation_named(word))
      modules.push_back({name, ActivationModule{*activation}});
    else
      modules.push_back(found.at(word));
    if (word == "embedding") {
      modules.back() = detail::as_embedding(modules.back());
      std::get<EmbeddingModule>(modules.back().part).ids_per_step = static_cast<Index>(number);
    }
  }
  return modules;
}

ModelDescription load(const std::string& path) {
  if (path.ends_with(".onnx")) {
    std::ifstream in(path, std::ios::binary);
    return read_onnx(std::string(std::istreambuf_iterator<char>(in), {}));
  }
  const Safetensors file = Safetensors::read(path);
  const auto list = file.metadata.find("test.modules");
  if (list == file.metadata.end()) return read_model(std::filesystem::path(path));
  ModelDescription model{.modules = modules_of_list(file, list->second), .weights = file};
  model.check();
  return model;
}

void write_weights(const ModelDescription& model, const std::string& path) {
  Safetensors file = model.weights;
  std::string list;
  for (const Module& module : model.modules) {
    const auto* activation = std::get_if<ActivationModule>(&module.part);
    list += (list.empty() ? "" : ", ") + (activation ? name(activation->activation) : module.name);
  }
  file.metadata["rondo.modules"] = list;
  if (model.takes_tokens()) file.metadata["rondo.ids_per_step"] = std::to_string(model.input());
  file.write(path);
}

void run(const ModelDescription& description, const std::string& input, const std::string& output) {
  const Safetensors in = Safetensors::read(input);
  const Safetensors::Tensor& x = in.tensors.at("x");
  const InferenceModel<float> model(description);
  const Index T = x.shape.at(0), B = x.shape.at(1);
  InferenceModel<float>::State state = model.initial_state(B);
  InferenceModel<float>::Workspace work;
  const auto forward = [&]() -> const Sequence<float>& {
    if (!model.takes_tokens())
      return model.forward(Sequence<float>(x.shape.at(2), B, T, Safetensors::values<float>("x", x)), state, work);
    return model.forward(Safetensors::values<std::int32_t>("x", x), B, T, state, work);
  };
  const Sequence<float>& y = forward();
  Safetensors out;
  out.add<float>("y", {T, B, y.features()}, std::span(y.data(), static_cast<std::size_t>(y.size())));
  out.write(output);
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command, path, second, third;
    words >> command >> path >> second >> third;
    try {
      const ModelDescription model = load(path);
      if (command == "onnx")
        write_onnx(second, model);
      else if (command == "weights")
        write_weights(model, second);
      else
        run(model, second, third);
      std::cout << "ok";
      for (const std::string& warning : model.warnings) std::cout << "; " << warning;
      std::cout << std::endl;
    } catch (const std::exception& e) {
      std::cout << "error: " << e.what() << std::endl;
    }
  }
}
