// SPDX-License-Identifier: MIT
// piano: trains an LSTM on piano performances and samples new ones. One program with six subcommands.
#include "piano/commands/eval.hpp"
#include "piano/commands/explore.hpp"
#include "piano/commands/inspect.hpp"
#include "piano/commands/sample.hpp"
#include "piano/commands/tokenize.hpp"
#include "piano/commands/train.hpp"

#include <rondo/version.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <string>

#define RONDO_TEXT_OF(x) #x
#define RONDO_TEXT(x) RONDO_TEXT_OF(x)

int main(int argc, char** argv) {
  CLI::App app{
      "piano: trains an LSTM on piano performances and continues them. Start with `piano train --scores --run-dir "
      "runs/first`."};
  app.set_version_flag("--version", RONDO_TEXT(RONDO_VERSION_MAJOR) "." RONDO_TEXT(RONDO_VERSION_MINOR) "." RONDO_TEXT(
                                        RONDO_VERSION_PATCH));
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  piano::add_train(app);
  piano::add_sample(app);
  piano::add_eval(app);
  piano::add_explore(app);
  piano::add_inspect(app);
  piano::add_tokenize(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::RuntimeError& e) {  // the subcommand has printed an error
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "piano %s: %s\n",
                 app.get_subcommands().empty() ? "" : app.get_subcommands()[0]->get_name().c_str(), e.what());
    return 1;
  }
}
