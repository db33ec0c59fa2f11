// SPDX-License-Identifier: MIT
#include "piano/generation/infill.hpp"

#include <rondo/core/random.hpp>
#include <rondo/music/grammar.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace piano {

namespace music = rondo::music;

namespace {

void check(const music::Performance& all, const Span& gap) {
  const auto begins = [&](double from, double to) {
    return std::any_of(all.notes.begin(), all.notes.end(),
                       [&](const music::Note& n) { return n.start.value >= from && n.start.value < to; });
  };
  if (!(gap.begin > 0 && gap.end > gap.begin))
    throw std::invalid_argument("infill: the stretch must begin after the first note and end after it begins");
  if (!begins(0, gap.begin) || !begins(gap.end, std::numeric_limits<double>::infinity()))
    throw std::invalid_argument("infill: the stretch needs music before and after it");
}

void require_candidates(std::size_t candidates, int outputs) {
  if (outputs < 1 || candidates < static_cast<std::size_t>(outputs))
    throw std::invalid_argument("infill: " + std::to_string(candidates) + " candidates for " + std::to_string(outputs) +
                                " outputs; wanted at least as many");
}

/// Draws `count` different indices, each in proportion to e^-nats of those that are left.
std::vector<std::size_t> draw(const std::vector<double>& nats, std::size_t count, std::uint64_t seed) {
  // The largest of -nats plus Gumbel noise is such a draw, the next largest the next draw.
  rondo::Rng rng(seed, 1);
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < nats.size(); ++i) order.emplace_back(nats[i] + std::log(-std::log(1 - rng.uniform())), i);
  std::sort(order.begin(), order.end());
  std::vector<std::size_t> drawn;
  for (std::size_t i = 0; i < count; ++i) drawn.push_back(order[i].second);
  return drawn;
}

}  // namespace

struct Infilling::Task {
  Span gap;
  music::Performance kept;
  double begin, notes;
  std::vector<Request> requests;  // the last one is the original
};

Infilling::Infilling(const rondo::TokenModel<float>& model, const music::InputSpec& input_spec, Task task,
                     music::Token opening)
    : gap_(task.gap),
      kept_(std::move(task.kept)),
      begin_(task.begin),
      notes_(task.notes),
      generator_(model, input_spec, task.requests, opening) {
  task.requests.pop_back();
  for (const Request& request : task.requests) seeds_.push_back(request.seed);
}

Infilling::Infilling(const rondo::TokenModel<float>& model, const music::InputSpec& input_spec,
                     const music::Performance& all, Span gap, const Request& settings, music::Token opening,
                     const InfillOptions& options)
    : Infilling(model, input_spec, task_of(all, gap, settings, options), opening) {}

Infilling::Task Infilling::task_of(const music::Performance& all, Span gap, const Request& settings,
                                   const InfillOptions& options) {
  check(all, gap);
  Task task{.gap = gap, .kept = {}, .begin = gap.begin, .notes = 0, .requests = {}};
  // The excerpt that the model reads begins with a note, and has all notes that last into the gap.
  const double context = std::max(options.context, music::GrammarLimits{}.longest_note * music::kStepSeconds);
  for (const music::Note& note : all.notes)
    if (note.start.value >= gap.begin - context) task.begin = std::min(task.begin, note.start.value);
  std::vector<double> after;  // onsets
  for (const music::Note& note : all.notes)
    if (note.start.value >= gap.end) after.push_back(note.start.value);
  std::sort(after.begin(), after.end());
  after.resize(std::min(after.size(), std::max<std::size_t>(options.following, 1)));
  task.notes = static_cast<double>(after.size());
  const double end = after.back() + music::kStepSeconds;
  const Primer excerpt = primer_of(all, end - task.begin, task.begin);
  const Span inside{gap.begin - task.begin, gap.end - task.begin};
  task.kept = regenerate_span(primer_of(all, std::numeric_limits<double>::infinity()), gap).given;
  Request request = settings;
  request.following = {inside.end, end - task.begin};
  request.plan = regenerate_span(excerpt, inside);
  for (int i = 0; i < options.candidates; ++i) {
    request.seed = settings.seed + static_cast<std::uint64_t>(i);
    task.requests.push_back(request);
  }
  request.plan = {excerpt.performance, {}};
  task.requests.push_back(std::move(request));
  return task;
}

GeneratedPiece Infilling::splice(const GeneratedPiece& candidate) const {
  std::vector<std::pair<music::Note, bool>> notes;
  for (const music::Note& note : kept_.notes) notes.emplace_back(note, true);
  for (music::Note note : candidate.new_notes().notes) {
    note.start.value += begin_, note.end.value += begin_;
    notes.emplace_back(note, false);
  }
  std::stable_sort(notes.begin(), notes.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.start, a.first.pitch) < std::pair(b.first.start, b.first.pitch);
  });
  auto controls = kept_.controls;
  for (music::ControlChange change : candidate.performance.controls) {
    change.time.value += begin_;
    if (gap_.begin <= change.time.value && change.time.value < gap_.end) controls.push_back(change);
  }
  std::stable_sort(controls.begin(), controls.end(),
                   [](const auto& a, const auto& b) { return a.time.value < b.time.value; });
  GeneratedPiece piece = candidate;
  piece.given.clear();
  std::vector<music::Note> only;
  for (const auto& [note, given] : notes) only.push_back(note), piece.given.push_back(given);
  piece.performance = music::make_performance(std::move(only), std::move(controls));
  return piece;
}

Infills Infilling::result(int outputs) const {
  require_candidates(seeds_.size(), outputs);
  auto candidates = generator_.results();
  Infills result;
  result.original_following_per_note = candidates.back().following_nats / notes_;
  candidates.pop_back();
  std::vector<double> nats;
  for (const GeneratedPiece& candidate : candidates) nats.push_back(candidate.following_nats);
  for (const std::size_t i : draw(nats, static_cast<std::size_t>(outputs), seeds_.front()))
    result.outputs.push_back({splice(candidates[i]), seeds_[i], nats[i] / notes_});
  std::stable_sort(result.outputs.begin(), result.outputs.end(),
                   [](const Infill& a, const Infill& b) { return a.following_per_note < b.following_per_note; });
  const auto middle = nats.begin() + static_cast<std::ptrdiff_t>(nats.size() / 2);
  std::nth_element(nats.begin(), middle, nats.end());
  result.median_following_per_note = *middle / notes_;
  return result;
}

Infills infill(const rondo::TokenModel<float>& model, const music::InputSpec& input_spec, const music::Performance& all,
               Span gap, const Request& settings, int outputs, music::Token opening, const InfillOptions& options) {
  require_candidates(static_cast<std::size_t>(std::max(options.candidates, 0)), outputs);
  Infilling infilling(model, input_spec, all, gap, settings, opening, options);
  infilling.run();
  return infilling.result(outputs);
}

}  // namespace piano
