// SPDX-License-Identifier: MIT
#include "rondo/commands.hpp"
#include "rondo/describe.hpp"

#include <rondo/io/formats/keras_json_writer.hpp>
#include <rondo/io/formats/pytorch.hpp>
#if defined(RONDO_TOOL_ONNX)
#include <rondo/io/formats/onnx.hpp>
#endif

#include <cstdio>
#include <memory>
#include <string>

namespace tool {

namespace {

struct Options {
  std::string from, to;
};

void convert(const Options& options) {
  const rondo::ModelDescription model = read_tested(options.from);
  try {
    if (options.to.ends_with(".safetensors")) {
      rondo::write_pytorch(options.to, model);
    } else if (options.to.ends_with(".json")) {
      rondo::write_keras_json(options.to, model);
    } else if (options.to.ends_with(".onnx")) {
#if defined(RONDO_TOOL_ONNX)
      rondo::write_onnx(options.to, model);
#else
      throw rondo::file_error(options.to + ": this program was built without ONNX (-DRONDO_ONNX=ON)");
#endif
    } else {
      throw rondo::file_error(options.to +
                              ": the name must end with .safetensors (PyTorch), .onnx or .json (RTNeural)");
    }
  } catch (const rondo::file_error& e) {
    const std::string what = e.what();
    throw rondo::file_error(what.starts_with(options.to) ? what : options.from + ": " + what);
  }
  std::printf("%s: %lld parameters\n", options.to.c_str(), static_cast<long long>(model.parameters()));
}

}  // namespace

void add_convert(CLI::App& app) {
  auto* command = app.add_subcommand("convert", "Writes a model in another format");
  const auto options = std::make_shared<Options>();
  command->add_option("from", options->from, "model file, or folder of `piano train`")->required();
  command->add_option("to", options->to, "file to write: .safetensors (PyTorch), .onnx, .json (RTNeural's Keras JSON)")
      ->required();
  command->callback([options] { convert(*options); });
}

}  // namespace tool
