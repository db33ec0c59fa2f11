// SPDX-License-Identifier: MIT
#include "piano/training/report.hpp"
#include "piano/data/primer.hpp"
#include "piano/generation/generate.hpp"
#include "piano/page/data.hpp"
#include "piano/page/page.hpp"
#include "piano/run/corpus.hpp"
#include "piano/run/folders.hpp"
#include "piano/training/metrics.hpp"

#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <utility>

namespace piano {

namespace music = rondo::music;
using nlohmann::json;

json write_checkpoint_sample(const RunDir& run, const Config& config, const music::Corpus& corpus, std::int64_t step) {
  constexpr double kPrimerSeconds = 5, kSeconds = 15;
  constexpr std::uint64_t kSeed = 1;
  const music::Piece& piece = corpus.valid.front();
  const Primer primer = primer_of(piece.performance, kPrimerSeconds);
  const auto model = run.read_last(config);
  const auto generated = generate(model, config.input_spec(),
                                  {{.plan = continuation(primer, kSeconds),
                                    .sampling = {},
                                    .seed = kSeed,
                                    .condition_values = condition_values_of(primer.performance)}},
                                  opening_velocity(corpus.train))
                             .front();
  char name[48];
  std::snprintf(name, sizeof name, "samples/step-%06lld.mid", static_cast<long long>(step));
  create_folder(run.folder() / "samples");
  rondo::midi::write_file(run.folder() / name,
                          rondo::midi::compose(generated.performance, "Rondo, " + std::string(name)));
  return {
      {"file", name}, {"primer", piece.name}, {"primer_seconds", primer.seconds}, {"seed", kSeed}, {"temperature", 1}};
}

void write_report(const RunDir& run, const Config& config, const json& facts, bool done) {
  const json lines = read_metrics(run.metrics());
  json samples = json::array();
  for (const json& line : lines) {
    if (!line.contains("sample")) continue;
    json sample = line["sample"];
    const auto path = run.folder() / sample["file"].get<std::string>();
    try {
      sample["performance"] = page_performance(path);
    } catch (const std::exception&) {
      continue;  // the file is missing: the report leaves it out
    }
    for (const char* key : {"step", "seconds", "valid_nll"}) sample[key] = line.at(key);
    samples.push_back(std::move(sample));
  }
  json data = facts;
  data["title"] = "Training of " + run.folder().filename().string();
  data["config"] = config.to_json();
  data["metrics"] = lines;
  data["samples"] = samples;
  data["done"] = done;
  write_page(run.report(), Page::report, data);
}

}  // namespace piano
