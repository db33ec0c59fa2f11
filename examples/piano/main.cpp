// SPDX-License-Identifier: MIT
// piano: trains an LSTM on piano performances and samples new ones. One program with six subcommands.
#include "piano/commands/eval.hpp"
#include "piano/commands/explore.hpp"
#include "piano/commands/inspect.hpp"
#include "piano/commands/sample.hpp"
#include "piano/commands/tokenize.hpp"
#include "piano/commands/train.hpp"

#include <rondo/distributed/launcher.hpp>
#include <rondo/version.hpp>

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#define RONDO_TEXT_OF(x) #x
#define RONDO_TEXT(x) RONDO_TEXT_OF(x)

namespace {

/// `mpirun -np 4 piano sample …` would write one folder four times.
void require_one_process(std::size_t) {
  if (const int rank = rondo::rank_of_launcher().value_or(0); rank > 0)
    throw std::runtime_error("this is rank " + std::to_string(rank) +
                             " of a launcher, but only train runs in several processes");
}

}  // namespace

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
  for (CLI::App* command : app.get_subcommands({}))
    if (command->get_name() != "train") command->preparse_callback(require_one_process);
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
