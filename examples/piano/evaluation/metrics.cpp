// SPDX-License-Identifier: MIT
#include "piano/evaluation/metrics.hpp"
#include "piano/evaluation/bar_metrics.hpp"

#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

namespace piano {
namespace {

namespace music = rondo::music;
using nlohmann::json;

double number(const json& value) { return value.is_number() ? value.get<double>() : 0; }

void line(const char* what, const json& value, const char* unit = "") {
  if (value.is_number()) std::printf("  %-32s %8.3f%s\n", what, number(value), unit);
}

void print_likelihood(const json& n) {
  std::printf("likelihood: %zu pieces, %zu tokens, %zu notes, %.0f s\n", n["pieces"].get<std::size_t>(),
              n["tokens"].get<std::size_t>(), n["notes"].get<std::size_t>(), number(n["seconds"]));
  if (const auto trained = n["pieces_in_training_set"].get<std::size_t>(); trained > 0)
    std::printf("  %zu of these are training pieces: their likelihood does not measure generalisation\n", trained);
  line("nats per token", n["nll_per_token"]);
  if (n.contains("nll_per_token_conditioned")) line("  conditioned on density and key", n["nll_per_token_conditioned"]);
  if (n.contains("nll_per_token_adapted")) {
    const json& beginnings = n["beginnings"];
    line("  adapted to each piece", n["nll_per_token_adapted"]);
    line(("  first " + beginnings["tokens_per_piece"].dump() + " tokens of each").c_str(), beginnings["nll_per_token"]);
    line("  first tokens, adapted", beginnings["nll_per_token_adapted"]);
  }
  line("nats per note", n["nll_per_note"]);
  line("nats per second", n["nll_per_second"]);
  for (const auto& [kind, value] : n["nll_by_event"].items()) line(("nats per " + kind + " token").c_str(), value);
  if (const json& baselines = n["baselines"]; baselines.is_object()) {
    for (const char* order : {"uniform", "unigram", "bigram", "trigram", "fourgram"})
      line((std::string("baseline: ") + order).c_str(), baselines[order]);
    if (const auto out = baselines["leave_one_out"].size(); out > 0)
      std::printf("  leave-one-out baselines for %zu pieces that are in the training set\n", out);
  }
  line("accuracy (most likely token)", n["accuracy"]);
  line("calibration error", n["calibration"]["ece"]);
  std::printf("    %-12s %10s %10s %10s\n", "confidence", "mean", "accuracy", "tokens");
  for (const json& bin : n["calibration"]["bins"])
    if (bin["count"] > 0)
      std::printf("    %.2f to %.2f %10.3f %10.3f %10zu\n", number(bin["low"]), number(bin["high"]),
                  number(bin["confidence"]), number(bin["accuracy"]), bin["count"].get<std::size_t>());
}

void print_bars(const json& bars) {
  if (!bars.is_object()) return;
  std::printf("\nmetrics over notated bars: %zu pieces\n", bars["pieces"].get<std::size_t>());
  line("pitch-class entropy, 1 bar", bars["bar_entropy"], " bits");
  line("pitch-class entropy, 4 bars", bars["four_bar_entropy"], " bits");
  line("groove similarity", bars["groove_similarity"]);
}

void print_distribution(const json& d) {
  if (!d.is_object()) return;
  std::printf("\nsamples compared with the %s, in windows of %.0f s: %zu and %zu\n",
              d["style"].get<std::string>().c_str(), number(d["window_seconds"]),
              d["windows"]["outputs"].get<std::size_t>(), d["windows"]["style"].get<std::size_t>());
  line("overlap area", d["overlap_area"]);
  line("KL divergence", d["kl"], " nats");
  if (d["held_out"].is_object()) {
    line("overlap area of held-out music", d["held_out"]["overlap_area"]);
    line("KL divergence of held-out music", d["held_out"]["kl"], " nats");
  }
  std::printf("    %-24s %7s %7s   %-18s %-18s\n", "feature", "overlap", "KL", "samples", "style");
  for (const auto& [name, f] : d["features"].items()) {
    std::printf("    %-24s %7.3f %7.3f", name.c_str(), number(f["overlap_area"]), number(f["kl"]));
    if (f.contains("outputs"))
      for (const char* side : {"outputs", "style"})
        std::printf("   %7.2f +- %-5.2f", number(f[side]["mean"]), number(f[side]["std"]));
    std::printf("\n");
  }
  for (const auto& [name, range] : d["training_p10_p90"].items())
    std::printf("  %s: %.2f, %s %.2f to %.2f, the 10th to 90th percentile of the windows\n", name.c_str(),
                number(d["outputs"][name]), d["inside_p10_p90"][name] ? "inside" : "outside", number(range[0]),
                number(range[1]));
}

void print_drift(const json& drift) {
  if (!drift.is_object()) return;
  std::printf("\nby minute:\n    %-12s %6s %9s %9s %9s %9s %9s\n", "", "minute", "notes/s", "velocity", "polyphony",
              "overlap", "nats");
  for (const auto& [key, title] : {std::pair("outputs", "samples"), {"held_out", "held-out"}})
    for (const json& m : drift[key])
      std::printf("    %-12s %6d %9.2f %9.1f %9.2f %9.3f %9s\n", title, m["minute"].get<int>(),
                  number(m["notes_per_second"]), number(m["velocity"]), number(m["polyphony"]),
                  number(m["overlap_area"]),
                  m.contains("nll_per_token") ? std::to_string(number(m["nll_per_token"])).substr(0, 5).c_str() : "");
}

std::string position(const json& run) {
  if (run["piece"].is_null()) return "none";
  std::string place = run["piece"].get<std::string>();
  if (run["bar"].is_number()) return place + ", bar " + std::to_string(run["bar"].get<int>());
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, ", %.1f s", number(run["piece_seconds"]));
  return place + seconds;
}

void print_memorisation(const json& m) {
  if (!m.is_object()) return;
  const json& outputs = m["outputs"];
  const auto copied = std::ranges::count_if(outputs, [](const json& o) { return o["copied"].get<bool>(); });
  std::printf(
      "\nmemorisation: %td of %zu samples copied; share: notes in runs of 8 or more that are in a training piece\n",
      copied, outputs.size());
  const auto row = [](const std::string& name, const json& exact) {
    const json& transposed = exact["transposed"];
    std::printf("    %-16s %5zu %6.1f %% %8zu %6.1f %%", name.c_str(), exact["longest_run"].get<std::size_t>(),
                100 * number(exact["share"]), transposed["longest_run"].get<std::size_t>(),
                100 * number(transposed["share"]));
  };
  std::printf("    %-16s %5s %8s %8s %8s\n", "", "run", "share", "transp.", "share");
  if (const json& held_out = m["held_out"]; held_out.is_object()) {
    row("held-out music", held_out);
    std::printf("   longest run, mean share of %zu excerpts\n", held_out["excerpts"].get<std::size_t>());
    if (const auto out = held_out["excluded"].get<std::size_t>(); out > 0)
      std::printf("    %zu more excerpts are excluded, as they are in the training pieces\n", out);
  }
  row("copied if >=", m["copy_thresholds"]);
  std::printf("   run and share%s\n",
              m["copy_thresholds"]["from_held_out"] ? "" : "; fixed thresholds, too little held-out music to measure");
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    row("sample " + std::to_string(i + 1), outputs[i]);
    std::printf("   %s%s\n", outputs[i]["copied"] ? "COPIED: " : "", position(outputs[i]).c_str());
  }
}

}  // namespace

json to_json(const Baselines& baselines) {
  return {{"uniform", baselines.uniform},
          {"unigram", baselines.unigram},
          {"bigram", baselines.bigram},
          {"trigram", baselines.trigram},
          {"fourgram", baselines.fourgram}};
}

json to_json(const Likelihood& likelihood) {
  const double total = likelihood.total_nats();
  json by_event = json::object(), bins = json::array();
  for (std::size_t k = 0; k < Likelihood::kKinds; ++k) {
    const auto kind = static_cast<music::EventKind>(k);
    const bool any = likelihood.tokens[k] > 0;
    if (any || kind != music::EventKind::pedal) by_event[music::name(kind)] = any ? json(likelihood.of(kind)) : json();
  }
  const auto notes = likelihood.tokens[static_cast<std::size_t>(music::EventKind::note_on)];
  const auto& all = likelihood.calibration.bins();
  for (std::size_t k = 0; k < all.size(); ++k)
    bins.push_back({{"low", static_cast<double>(k) / static_cast<double>(all.size())},
                    {"high", static_cast<double>(k + 1) / static_cast<double>(all.size())},
                    {"confidence", all[k].confidence()},
                    {"accuracy", all[k].accuracy()},
                    {"count", all[k].count}});
  return {{"tokens", likelihood.total_tokens()},
          {"notes", notes},
          {"seconds", likelihood.seconds},
          {"nll_per_token", likelihood.per_token()},
          {"nll_per_note", notes > 0 ? json(total / static_cast<double>(notes)) : json()},
          {"nll_per_second", likelihood.seconds > 0 ? json(total / likelihood.seconds) : json()},
          {"nll_by_event", by_event},
          {"accuracy", likelihood.calibration.accuracy()},
          {"calibration", {{"ece", likelihood.calibration.error()}, {"bins", bins}}}};
}

json bar_metrics(std::span<const music::Piece> pieces) {
  double one = 0, four = 0, groove = 0;
  std::size_t known = 0;
  for (const music::Piece& piece : pieces) {
    const auto lines = bar_lines(piece);
    if (lines.empty()) continue;
    one += bar_entropy(piece.performance, lines);
    four += bar_entropy(piece.performance, lines, 4);
    groove += groove_similarity(piece.performance, lines);
    ++known;
  }
  if (known == 0) return nullptr;
  const auto n = static_cast<double>(known);
  return {
      {"pieces", known}, {"bar_entropy", one / n}, {"four_bar_entropy", four / n}, {"groove_similarity", groove / n}};
}

void print_metrics(const json& metrics) {
  print_likelihood(metrics);
  print_bars(metrics["bars"]);
  print_distribution(metrics["distribution"]);
  print_drift(metrics["drift"]);
  print_memorisation(metrics["memorisation"]);
}

}  // namespace piano
