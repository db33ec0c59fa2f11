// SPDX-License-Identifier: MIT
#include "rondo/commands.hpp"
#include "rondo/describe.hpp"

#include <rondo/io/formats/keras_json_writer.hpp>
#include <rondo/io/formats/pytorch.hpp>
#include <rondo/io/formats/static_header_writer.hpp>
#if defined(RONDO_TOOL_ONNX)
#include <rondo/io/formats/onnx.hpp>
#endif

#include <cstdio>
#include <memory>
#include <string>

namespace tool {

namespace {

struct ConvertOptions {
  std::string from, to, precision = "fp32";
};

bool is_header(const std::string& path) { return path.ends_with(".hpp") || path.ends_with(".h"); }

void convert_to_header(const ConvertOptions& options, const rondo::ModelDescription& model) {
  const bool int8 = options.precision == "int8";
  const rondo::StaticHeaderReport report =
      rondo::write_static_header(options.to, model, int8 ? rondo::StaticPrecision::int8 : rondo::StaticPrecision::fp32);
  if (int8)
    std::printf("%s: int8 weights change the output by at most %.3g, RMS %.1f dB of the output, on noise\n",
                options.to.c_str(), report.largest_difference, report.rms_db);
}

void convert(const ConvertOptions& options) {
  if (options.precision != "fp32" && !is_header(options.to))
    throw rondo::file_error(options.to + ": --precision " + options.precision + " is only for headers (.hpp)");
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
    } else if (is_header(options.to)) {
      convert_to_header(options, model);
    } else {
      throw rondo::file_error(options.to +
                              ": the name must end with .safetensors (PyTorch), .onnx, .json (RTNeural) or .hpp");
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
  const auto options = std::make_shared<ConvertOptions>();
  command->add_option("from", options->from, "model file, or folder of `piano train`")->required();
  command
      ->add_option("to", options->to,
                   "file to write: .safetensors (PyTorch), .onnx, .json (RTNeural's Keras JSON), .hpp (C++ header for "
                   "microcontrollers)")
      ->required();
  command->add_option("--precision", options->precision, "of the weights in a .hpp: fp32 or int8")
      ->check(CLI::IsMember({"fp32", "int8"}));
  command->callback([options] { convert(*options); });
}

}  // namespace tool
