// SPDX-License-Identifier: MIT
#include "piano/evaluation/report.hpp"

#include "piano/evaluation/features.hpp"
#include "piano/evaluation/statistics.hpp"
#include "piano/evaluation/windows.hpp"

#include <array>
#include <string>

namespace piano {
namespace {

namespace music = rondo::music;
using nlohmann::json;

// The three of the features for which "inside the training band" is asked.
constexpr std::array kBanded = {"notes_per_second", "velocity", "polyphony"};

const Feature& feature(const std::string& name) {
  for (const Feature& f : kFeatures)
    if (f.name == name) return f;
  throw std::logic_error("no feature is called " + name);
}

std::vector<music::Performance> performances(std::span<const music::Piece> pieces) {
  std::vector<music::Performance> all;
  for (const music::Piece& piece : pieces) all.push_back(piece.performance);
  return all;
}

std::optional<Style> style_of(std::span<const music::Performance> pieces, double seconds) {
  std::size_t windows = 0;
  for (const auto& piece : pieces) windows += cut_windows(piece, seconds).size();
  if (windows < 3) return std::nullopt;
  return Style(pieces, seconds);
}

json run(const SharedRun& run, double share) {
  const bool any = run.length > 0;
  return {{"longest_run", run.length},
          {"piece", any ? json(run.piece) : json()},
          {"bar", run.bar ? json(*run.bar) : json()},
          {"piece_seconds", any ? json(run.piece_seconds) : json()},
          {"share", share}};
}

json shared(const Yardstick::Shared& s) {
  return {{"longest_run", s.longest_run},
          {"mean_run", s.mean_run},
          {"share", s.mean_share},
          {"highest_share", s.highest_share}};
}

json limit(const CopyLimit& limit) { return {{"longest_run", limit.run}, {"share", limit.share}}; }

}  // namespace

Judge::Judge(std::span<const music::Piece> train, std::span<const music::Piece> held_out, double output_seconds,
             double window_seconds)
    : has_training_(!train.empty()),
      output_seconds_(output_seconds),
      held_out_(performances(held_out)),
      training_(train),
      yardstick_(training_, held_out, output_seconds),
      style_(style_of(has_training_ ? performances(train) : held_out_, window_seconds)) {}

json Judge::human() const {
  if (yardstick_.excerpts() == 0 || !has_training_) return nullptr;
  json result = shared(yardstick_.exact());
  result["transposed"] = shared(yardstick_.transposed());
  result["windows"] = yardstick_.excerpts();
  result["left_out"] = yardstick_.left_out();
  result["seconds"] = output_seconds_;
  // One excerpt at a time, as outputs are; a few, evenly spread, tell the mean.
  std::vector<music::Performance> excerpts;
  for (const auto& piece : held_out_)
    for (auto& excerpt : cut_windows(piece, output_seconds_)) excerpts.push_back(std::move(excerpt));
  const auto some = spread(std::span<const music::Performance>(excerpts), 32);
  double sum = 0;
  for (const music::Performance* excerpt : some)
    if (style_) sum += measures(*excerpt)["overlap_area"].get<double>();
  result["overlap_area"] = style_ ? json(sum / static_cast<double>(some.size())) : json();
  return result;
}

json Judge::limits() const {
  if (!has_training_) return nullptr;
  json result = limit(yardstick_.exact_limit());
  result["transposed"] = limit(yardstick_.transposed_limit());
  result["measured"] = yardstick_.excerpts() >= Yardstick::kEnough;
  return result;
}

json Judge::memorisation(const music::Performance& fresh) const {
  if (!has_training_) return nullptr;
  const auto found = training_.compare(fresh);
  json result = run(found.exact, found.exact_share);
  result["copied"] = yardstick_.copied(found);
  result["transposed"] = run(found.transposed, found.transposed_share);
  result["transposed"]["semitones"] = found.transposed.semitones;
  return result;
}

json Judge::measures(const music::Performance& fresh) const {
  const auto s = describe(fresh);
  json result = {{"overlap_area", nullptr}};
  for (const char* name : kBanded) result[name] = feature(name).values(s)[0];
  if (style_ && s.notes > 0) {
    const auto windows = describe_windows({&fresh, 1}, style_->window_seconds());
    result["overlap_area"] = mean(style_->compare(windows)).overlap;
  }
  return result;
}

json Judge::distribution(std::span<const music::Performance> outputs) const {
  if (!style_) return nullptr;
  const double seconds = style_->window_seconds();
  const auto windows = describe_windows(outputs, seconds);
  if (windows.empty()) return nullptr;
  const auto distances = style_->compare(windows);
  const Distance mean_distance = mean(distances);
  json features = json::object(), bands = json::object(), inside = json::object(), means = json::object();
  const auto moments = [](const Feature& f, std::span<const Statistics> of) {
    const auto m = piano::moments(values_in(f, of));
    return json{{"mean", m.mean}, {"deviation", m.deviation}};
  };
  for (std::size_t f = 0; f < kFeatures.size(); ++f) {
    const Feature& feature = kFeatures[f];
    json& entry = features[feature.name];
    entry = {{"overlap_area", distances[f].overlap}, {"kl", distances[f].kl}};
    if (feature.values(windows[0]).size() > 1) continue;  // a histogram has no mean worth telling
    entry["outputs"] = moments(feature, windows);
    entry["style"] = moments(feature, style_->windows());
  }
  for (const char* name : kBanded) {
    const auto band = piano::band(values_in(feature(name), style_->windows()));
    const double value = features[name]["outputs"]["mean"];
    means[name] = value;
    bands[name] = {band.low, band.high};
    inside[name] = band.holds(value);
  }
  json human;
  if (has_training_) {
    const auto theirs = describe_windows(held_out_, seconds);
    if (!theirs.empty()) {
      const auto m = mean(style_->compare(theirs));
      human = {{"overlap_area", m.overlap}, {"kl", m.kl}};
    }
  }
  return {{"overlap_area", mean_distance.overlap},
          {"kl", mean_distance.kl},
          {"features", features},
          {"window_seconds", seconds},
          {"windows", {{"outputs", windows.size()}, {"style", style_->windows().size()}}},
          {"style", has_training_ ? "training pieces" : "held-out pieces"},
          {"outputs", means},
          {"training_band", bands},
          {"inside_band", inside},
          {"human", human}};
}

}  // namespace piano
