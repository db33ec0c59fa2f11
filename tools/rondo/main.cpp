// SPDX-License-Identifier: MIT
// rondo: inspects, runs, converts and measures model files of this library and of other programs.
#include "rondo/commands.hpp"

#include <rondo/version.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>

#define RONDO_TEXT_OF(x) #x
#define RONDO_TEXT(x) RONDO_TEXT_OF(x)

int main(int argc, char** argv) {
  CLI::App app{
      "rondo: trained LSTM and GRU models in files of PyTorch (safetensors), ONNX, RTNeural, AIDA-X, GuitarML and the "
      "Neural Amp Modeler."};
  app.set_version_flag("--version", RONDO_TEXT(RONDO_VERSION_MAJOR) "." RONDO_TEXT(RONDO_VERSION_MINOR) "." RONDO_TEXT(
                                        RONDO_VERSION_PATCH));
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  tool::add_inspect(app);
  tool::add_run(app);
  tool::add_convert(app);
  tool::add_bench(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "rondo %s: %s\n",
                 app.get_subcommands().empty() ? "" : app.get_subcommands()[0]->get_name().c_str(), e.what());
    return 1;
  }
}
