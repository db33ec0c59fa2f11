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

void check(const music::Performance& all, const Span& gap, int outputs, const InfillOptions& options) {
  const auto begins = [&](double from, double to) {
    return std::any_of(all.notes.begin(), all.notes.end(),
                       [&](const music::Note& n) { return n.start.value >= from && n.start.value < to; });
  };
  if (!(gap.begin > 0 && gap.end > gap.begin))
    throw std::invalid_argument("infill: the stretch must begin after the first note and end after it begins");
  if (!begins(0, gap.begin) || !begins(gap.end, std::numeric_limits<double>::infinity()))
    throw std::invalid_argument("infill: the stretch needs music before and after it");
  if (outputs < 1 || options.candidates < outputs)
    throw std::invalid_argument("infill: " + std::to_string(options.candidates) + " candidates for " +
                                std::to_string(outputs) + " outputs; wanted at least as many");
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

/// The music outside the gap, and the new notes of a candidate, `begin` seconds later.
GeneratedPiece splice(const music::Performance& kept, const Span& gap, const GeneratedPiece& candidate, double begin) {
  std::vector<std::pair<music::Note, bool>> notes;
  for (const music::Note& note : kept.notes) notes.emplace_back(note, true);
  for (music::Note note : candidate.new_notes().notes) {
    note.start.value += begin, note.end.value += begin;
    notes.emplace_back(note, false);
  }
  std::stable_sort(notes.begin(), notes.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.start, a.first.pitch) < std::pair(b.first.start, b.first.pitch);
  });
  auto controls = kept.controls;
  for (music::ControlChange change : candidate.performance.controls) {
    change.time.value += begin;
    if (gap.begin <= change.time.value && change.time.value < gap.end) controls.push_back(change);
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

}  // namespace

Infills infill(const rondo::TokenModel<float>& model, const music::InputSpec& input_spec, const music::Performance& all,
               Span gap, const Request& settings, int outputs, music::Token opening, const InfillOptions& options) {
  check(all, gap, outputs, options);
  // The excerpt that the model reads begins with a note, and has all notes that last into the gap.
  const double context = std::max(options.context, music::GrammarLimits{}.longest_note * music::kStepSeconds);
  double begin = gap.begin;
  for (const music::Note& note : all.notes)
    if (note.start.value >= gap.begin - context) begin = std::min(begin, note.start.value);
  std::vector<double> after;  // onsets
  for (const music::Note& note : all.notes)
    if (note.start.value >= gap.end) after.push_back(note.start.value);
  std::sort(after.begin(), after.end());
  after.resize(std::min(after.size(), std::max<std::size_t>(options.following, 1)));
  const double end = after.back() + music::kStepSeconds;
  const auto notes = static_cast<double>(after.size());
  const Primer excerpt = primer_of(all, end - begin, begin);
  const Span inside{gap.begin - begin, gap.end - begin};
  const Primer whole = primer_of(all, std::numeric_limits<double>::infinity());

  std::vector<Request> requests;
  for (int i = 0; i < options.candidates; ++i) {
    Request request = settings;
    request.plan = regenerate_span(excerpt, inside);
    request.seed = settings.seed + static_cast<std::uint64_t>(i);
    request.following = {inside.end, end - begin};
    requests.push_back(std::move(request));
  }
  const auto candidates = generate(model, input_spec, requests, opening);
  Request original = settings;
  original.plan = {excerpt.performance, {}};
  original.following = {inside.end, end - begin};

  Infills result;
  result.original_following_per_note = generate(model, input_spec, {original}, opening)[0].following_nats / notes;
  std::vector<double> nats;
  for (const GeneratedPiece& candidate : candidates) nats.push_back(candidate.following_nats);
  const music::Performance kept = regenerate_span(whole, gap).given;
  for (const std::size_t i : draw(nats, static_cast<std::size_t>(outputs), settings.seed))
    result.outputs.push_back({splice(kept, gap, candidates[i], begin), requests[i].seed, nats[i] / notes});
  std::stable_sort(result.outputs.begin(), result.outputs.end(),
                   [](const Infill& a, const Infill& b) { return a.following_per_note < b.following_per_note; });
  const auto middle = nats.begin() + static_cast<std::ptrdiff_t>(nats.size() / 2);
  std::nth_element(nats.begin(), middle, nats.end());
  result.median_following_per_note = *middle / notes;
  return result;
}

}  // namespace piano
