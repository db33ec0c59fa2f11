// SPDX-License-Identifier: MIT
#include "piano/commands/tokenize.hpp"
#include "options.hpp"
#include "piano/data/tokenize.hpp"
#include "piano/training/progress.hpp"

#include <rondo/cpu/threads.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

namespace piano {

void add_tokenize(CLI::App& piano) {
  struct Options {
    TokenizeOptions tokenize;
    bool as_json = false;
  };
  auto options = std::make_shared<Options>();
  TokenizeOptions& t = options->tokenize;
  t.threads = rondo::max_threads();
  CLI::App& app = *piano.add_subcommand(
      "tokenize", "Write music files as shards, which `--data` takes like a folder: for sets larger than memory.");
  app.option_defaults()->always_capture_default();
  app.add_option("--data", t.data, "MIDI files, ABC scores, or folders of them")->required();
  app.add_option("--out", t.out, "folder of the shards; pieces are added to those that are there")->required();
  app.add_flag("--keep-duplicates", t.keep_duplicates,
               "also write pieces with the same notes and pedal as another one");
  examples::add_threads_option(app, t.threads);
  app.add_flag("--json", options->as_json, "print one JSON object on stdout");
  app.callback([options] {
    Progress progress;
    options->tokenize.progress = [&](std::size_t done, std::size_t all) {
      progress.show(static_cast<double>(done) / static_cast<double>(all),
                    std::to_string(done) + " of " + std::to_string(all) + " files");
    };
    options->tokenize.problem = [&](const std::string& line) { progress.line("left out: " + line); };
    const auto start = std::chrono::steady_clock::now();
    const TokenizeResult result = tokenize(options->tokenize);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    progress.finish();
    if (options->as_json)
      std::cout << nlohmann::json{{"pieces", result.pieces},
                                  {"notes", result.notes},
                                  {"duplicates", result.duplicates},
                                  {"problems", result.problems},
                                  {"seconds", seconds}}
                       .dump()
                << std::endl;
    else
      std::printf("%zu pieces with %llu notes in %s, %zu duplicates and %zu files left out; %.0f notes/s\n",
                  result.pieces, static_cast<unsigned long long>(result.notes), options->tokenize.out.c_str(),
                  result.duplicates, result.problems, static_cast<double>(result.notes) / seconds);
  });
}

}  // namespace piano
