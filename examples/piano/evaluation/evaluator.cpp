// SPDX-License-Identifier: MIT
#include "piano/evaluation/evaluator.hpp"

#include "piano/evaluation/features.hpp"
#include "piano/evaluation/statistics.hpp"
#include "piano/evaluation/windows.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

namespace piano {
namespace {

namespace music = rondo::music;
using nlohmann::json;

// Features that are also compared with the range of the training windows.
constexpr std::array kRangeFeatures = {"notes_per_second", "velocity", "polyphony"};

const Feature& feature(const std::string& name) {
  for (const Feature& f : kFeatures)
    if (f.name == name) return f;
  throw std::logic_error("there is no feature " + name);
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

/// The notes that begin in a minute, counted from 1 from the first note on; nothing unless the music lasts to its end.
std::optional<music::Performance> minute_of(const music::Performance& performance, int minute) {
  const auto& notes = performance.notes;
  if (notes.empty()) return std::nullopt;
  const auto [first, last] = std::ranges::minmax(notes, {}, &music::Note::start);
  const double begin = first.start.value + 60.0 * (minute - 1), end = begin + 60;
  if (last.end.value < end) return std::nullopt;
  std::vector<music::Note> inside;
  std::ranges::copy_if(notes, std::back_inserter(inside),
                       [&](const music::Note& n) { return n.start.value >= begin && n.start.value < end; });
  return music::make_performance(std::move(inside));
}

json run(const SharedRun& run, double share) {
  const bool any = run.length > 0;
  return {{"longest_run", run.length},
          {"piece", any ? json(run.piece) : json()},
          {"bar", run.bar ? json(*run.bar) : json()},
          {"piece_seconds", any ? json(run.piece_seconds) : json()},
          {"share", share}};
}

json runs(const Memorisation& found) {
  json result = run(found.exact, found.exact_share);
  result["transposed"] = run(found.transposed, found.transposed_share);
  result["transposed"]["semitones"] = found.transposed.semitones;
  return result;
}

json shared(const CopyDetector::Shared& s) {
  return {{"longest_run", s.longest_run},
          {"mean_run", s.mean_run},
          {"share", s.mean_share},
          {"highest_share", s.highest_share}};
}

json to_json(const CopyThreshold& threshold) { return {{"longest_run", threshold.run}, {"share", threshold.share}}; }

}  // namespace

Evaluator::Evaluator(std::span<const music::Piece> train, std::span<const music::Piece> held_out, double output_seconds,
                     double window_seconds)
    : has_training_(!train.empty()),
      output_seconds_(output_seconds),
      held_out_(performances(held_out)),
      training_(train),
      copy_detector_(training_, held_out, output_seconds),
      style_(style_of(has_training_ ? performances(train) : held_out_, window_seconds)) {}

json Evaluator::held_out() const {
  if (copy_detector_.excerpts() == 0 || !has_training_) return nullptr;
  json result = shared(copy_detector_.exact());
  result["transposed"] = shared(copy_detector_.transposed());
  result["excerpts"] = copy_detector_.excerpts();
  result["excluded"] = copy_detector_.excluded();
  result["seconds"] = output_seconds_;
  // Each excerpt by itself, as the outputs are; 32, evenly spaced, give the mean.
  std::vector<music::Performance> excerpts;
  for (const auto& piece : held_out_)
    for (auto& excerpt : cut_windows(piece, output_seconds_)) excerpts.push_back(std::move(excerpt));
  const auto some = evenly_spaced(std::span<const music::Performance>(excerpts), 32);
  double sum = 0;
  for (const music::Performance* excerpt : some)
    if (style_) sum += measures(*excerpt)["overlap_area"].get<double>();
  result["overlap_area"] = style_ ? json(sum / static_cast<double>(some.size())) : json();
  return result;
}

json Evaluator::copy_thresholds() const {
  if (!has_training_) return nullptr;
  json result = to_json(copy_detector_.exact_threshold());
  result["transposed"] = to_json(copy_detector_.transposed_threshold());
  result["from_held_out"] = copy_detector_.excerpts() >= CopyDetector::kMinExcerpts;
  return result;
}

json Evaluator::memorisation(const music::Performance& new_notes) const {
  if (!has_training_) return nullptr;
  const auto found = training_.compare(new_notes);
  json result = runs(found);
  result["copied"] = copy_detector_.copied(found);
  return result;
}

json shared_with(const music::Performance& piece, const music::Performance& new_notes) {
  const music::Piece only{.name = "primer", .performance = piece};
  return runs(TrainingSetIndex({&only, 1}).compare(new_notes));
}

json Evaluator::measures(const music::Performance& new_notes) const {
  const auto s = describe(new_notes);
  json result = {{"overlap_area", nullptr}};
  for (const char* name : kRangeFeatures) result[name] = feature(name).values(s)[0];
  if (style_ && s.notes > 0) {
    const auto windows = describe_windows({&new_notes, 1}, style_->window_seconds());
    result["overlap_area"] = mean(style_->compare(windows)).overlap;
  }
  return result;
}

json Evaluator::distribution(std::span<const music::Performance> outputs) const {
  if (!style_) return nullptr;
  const double seconds = style_->window_seconds();
  const auto windows = describe_windows(outputs, seconds);
  if (windows.empty()) return nullptr;
  const auto distances = style_->compare(windows);
  const DistributionDistance mean_distance = mean(distances);
  json features = json::object(), ranges = json::object(), inside = json::object(), means = json::object();
  const auto moments = [](const Feature& f, std::span<const Statistics> of) {
    const auto m = piano::moments(values_in(f, of));
    return json{{"mean", m.mean}, {"std", m.deviation}};
  };
  for (std::size_t f = 0; f < kFeatures.size(); ++f) {
    const Feature& feature = kFeatures[f];
    json& entry = features[feature.name];
    entry = {{"overlap_area", distances[f].overlap}, {"kl", distances[f].kl}};
    if (feature.values(windows[0]).size() > 1) continue;  // a histogram has no meaningful mean
    entry["outputs"] = moments(feature, windows);
    entry["style"] = moments(feature, style_->windows());
  }
  for (const char* name : kRangeFeatures) {
    const auto range = percentile_range(values_in(feature(name), style_->windows()));
    const double value = features[name]["outputs"]["mean"];
    means[name] = value;
    ranges[name] = {range.low, range.high};
    inside[name] = range.contains(value);
  }
  json held_out;
  if (has_training_) {
    const auto theirs = describe_windows(held_out_, seconds);
    if (!theirs.empty()) {
      const auto m = mean(style_->compare(theirs));
      held_out = {{"overlap_area", m.overlap}, {"kl", m.kl}};
    }
  }
  return {{"overlap_area", mean_distance.overlap},
          {"kl", mean_distance.kl},
          {"features", features},
          {"window_seconds", seconds},
          {"windows", {{"outputs", windows.size()}, {"style", style_->windows().size()}}},
          {"style", has_training_ ? "training pieces" : "held-out pieces"},
          {"outputs", means},
          {"training_p10_p90", ranges},
          {"inside_p10_p90", inside},
          {"held_out", held_out}};
}

json Evaluator::by_minute(std::span<const music::Performance> performances) const {
  if (!style_) return nullptr;
  json minutes = json::array();
  for (int minute = 1;; ++minute) {
    std::vector<music::Performance> parts;
    for (const music::Performance& performance : performances)
      if (auto part = minute_of(performance, minute)) parts.push_back(*std::move(part));
    const auto windows = describe_windows(parts, style_->window_seconds());
    if (windows.empty()) return minutes;
    json entry = {{"minute", minute}, {"performances", parts.size()}};
    for (const char* name : kRangeFeatures) entry[name] = moments(values_in(feature(name), windows)).mean;
    entry["overlap_area"] = mean(style_->compare(windows)).overlap;
    minutes.push_back(std::move(entry));
  }
}

}  // namespace piano
