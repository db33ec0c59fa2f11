// SPDX-License-Identifier: MIT
#include "piano/generation/stream.hpp"

#include <rondo/music/tokens.hpp>

#include <algorithm>
#include <limits>

namespace piano {

namespace music = rondo::music;
using music::EventKind;

namespace {

constexpr std::int64_t kRelease = music::kStepsPerSecond / 2;  // as in Grammar::finish

}  // namespace

std::vector<Stream::Given> Stream::events_of(const music::Performance& given) {
  std::vector<Given> events;
  std::int64_t now = 0;
  int bin = -1;
  for (const music::Token token : music::encode(given)) {
    const music::Event event = music::event_of(token);
    if (event.kind == EventKind::time_shift)
      now += event.value;
    else if (event.kind == EventKind::velocity)
      bin = event.value;
    else
      events.push_back({now, event, bin});
  }
  return events;
}

Stream::Stream(const Request& request, const music::InputSpec& input_spec, music::Token opening)
    : input_spec_(input_spec),
      condition_values_(request.condition_values),
      grammar_({.pedal = input_spec.vocabulary == music::kVocabularyWithPedal}),
      sampler_(request.sampling, request.seed),
      given_(events_of(request.plan.given)),
      opening_(opening),
      mask_(input_spec),
      held_(music::kPitches),
      struck_(music::kPitches, -1),
      following_(request.following) {
  for (const Span& span : request.plan.free)
    free_.emplace_back(music::to_step({span.begin}), music::to_step({span.end}));
  advance();
}

void Stream::next_input(std::size_t t, std::span<music::Token> to) {
  const music::Token token = t < tokens_.size() ? tokens_[t] : music::Token{0};
  input_notes_.feed(token);
  mask_.feed(token);
  music::write_step(input_spec_.conditions, input_spec_.vocabulary, token, condition_values_, input_notes_, {}, to);
}

void Stream::set_logits(std::size_t t, std::span<const float> of_model) {
  logits_.assign(of_model.begin(), of_model.end());
  mask_.apply(logits_);
  const std::span<const float> logits = logits_;
  measure_following(t + 1, logits);
  if (done_ || t + 1 < tokens_.size()) return;
  allowed_.assign(grammar_.allowed().begin(), grammar_.allowed().end());
  for (int pitch = 0; pitch < music::kPitches; ++pitch)
    if (held_[static_cast<std::size_t>(pitch)]) allowed_[static_cast<std::size_t>(music::note_off(pitch))] = 0;
  if (std::count(allowed_.begin(), allowed_.end(), 1) == 0)  // a given note has reached the longest duration
    allowed_.assign(grammar_.allowed().begin(), grammar_.allowed().end());
  const music::Token token = sampler_(logits, allowed_);
  const double nats = -rondo::log_probability(logits, token);
  nats_ += nats;
  ++sampled_;
  if (first_sampled_ < 0) first_sampled_ = grammar_.steps();
  const auto minute = static_cast<std::size_t>((grammar_.steps() - first_sampled_) / (60 * music::kStepsPerSecond));
  minutes_.resize(std::max(minutes_.size(), minute + 1));
  minutes_[minute].nats += nats;
  ++minutes_[minute].tokens;
  const music::Event event = music::event_of(token);
  if (event.kind != EventKind::time_shift) {
    put(token);
  } else {
    const std::int64_t now = grammar_.steps();
    const auto span = span_at(now);
    const std::int64_t limit = std::min(span->second, next_given());
    if (now + event.value < limit)
      put(token);
    else if (span + 1 == free_.end() && given_at_ == given_.size())
      finish();
    else
      put(music::time_shift(static_cast<int>(limit - now)));
  }
  if (!done_) advance();
}

void Stream::put(music::Token token) {
  const music::Event event = music::event_of(token);
  tokens_.push_back(token);
  grammar_.feed(token);
  played_.feed(token);
  if (event.kind == EventKind::velocity) bin_ = event.value;
  if (event.kind == EventKind::note_on) struck_[static_cast<std::size_t>(event.value)] = grammar_.steps();
  if (event.kind == EventKind::note_off) held_[static_cast<std::size_t>(event.value)] = false;
}

void Stream::put_given(const Given& given) {
  const auto [kind, value] = given.event;
  const auto pitch = static_cast<std::size_t>(value);
  switch (kind) {
    case EventKind::note_off:
      if (held_[pitch]) put(music::note_off(value));
      break;
    case EventKind::pedal:
      given_pedal_ = value != 0;
      if (given_pedal_ != played_.pedal()) put(music::pedal(value != 0));
      break;
    case EventKind::note_on:
      if (played_.key(value)) {
        if (struck_[pitch] == given.step) break;  // the model has started the same note in this step
        put(music::note_off(value));
      }
      if (given.bin != bin_) put(music::velocity(given.bin));
      put(music::note_on(value));
      held_[pitch] = true;
      given_notes_.emplace(given.step, value);
      break;
    default:
      break;
  }
}

std::int64_t Stream::next_given() const {
  return given_at_ < given_.size() ? given_[given_at_].step : std::numeric_limits<std::int64_t>::max();
}

bool Stream::is_generated(int pitch) const { return played_.key(pitch) && !held_[static_cast<std::size_t>(pitch)]; }

std::vector<std::pair<std::int64_t, std::int64_t>>::const_iterator Stream::span_at(std::int64_t step) const {
  return std::find_if(free_.begin(), free_.end(),
                      [&](const auto& span) { return span.first <= step && step < span.second; });
}

std::int64_t Stream::due(std::int64_t now, int pitch) const {
  std::int64_t left = 0;
  for (const auto& span : free_)
    if (span.second <= now) left = span.second;
  return std::min(left + kRelease, struck_[static_cast<std::size_t>(pitch)] + kLongestNote);
}

void Stream::release_generated(std::int64_t now) {
  for (int pitch = 0; pitch < music::kPitches; ++pitch)
    if (is_generated(pitch) && due(now, pitch) <= now) put(music::note_off(pitch));
  bool pedal = given_pedal_;
  for (std::size_t i = given_at_; i < given_.size() && given_[i].step <= now; ++i)
    if (given_[i].event.kind == EventKind::pedal) pedal = given_[i].event.value != 0;
  if (played_.pedal() != pedal) put(music::pedal(pedal));
}

void Stream::advance() {
  while (!done_) {
    const std::int64_t now = grammar_.steps();
    if (!is_free(now)) release_generated(now);
    if (next_given() <= now) {
      // Note-offs that make room for note-ons come first, as in every step.
      for (std::size_t i = given_at_; i < given_.size() && given_[i].step <= now; ++i)
        if (const auto [kind, pitch] = given_[i].event; kind == EventKind::note_on && played_.key(pitch) &&
                                                        !held_[static_cast<std::size_t>(pitch)] &&
                                                        struck_[static_cast<std::size_t>(pitch)] < now)
          put(music::note_off(pitch));
      while (next_given() <= now) put_given(given_[given_at_++]);
      continue;
    }
    if (is_free(now)) {
      if (tokens_.empty()) put(opening_);
      return;
    }
    std::int64_t until = next_given();
    for (const auto& span : free_)
      if (span.first > now) until = std::min(until, span.first);
    if (until == std::numeric_limits<std::int64_t>::max()) {
      finish();
      return;
    }
    for (int pitch = 0; pitch < music::kPitches; ++pitch)
      if (is_generated(pitch)) until = std::min(until, due(now, pitch));
    if (tokens_.empty()) put(opening_);
    put(music::time_shift(static_cast<int>(std::min<std::int64_t>(until - now, music::kMaxShift))));
  }
}

void Stream::find_following() {
  std::int64_t now = 0;
  std::size_t i = 0;
  const auto first_at = [&](double seconds) {
    for (; i < tokens_.size() && now < music::to_step({seconds}); ++i)
      if (const auto event = music::event_of(tokens_[i]); event.kind == EventKind::time_shift) now += event.value;
    return i;
  };
  if (following_.to <= following_.from) return;
  following_next_ = first_at(following_.from);
  following_end_ = first_at(following_.to);
}

void Stream::measure_following(std::size_t t, std::span<const float> logits) {
  if (!done_ || t < following_next_ || t >= following_end_) return;
  following_next_ = t + 1;
  if (music::event_of(tokens_[t]).kind != EventKind::note_off)
    following_nats_ -= rondo::log_probability(logits, tokens_[t]);
}

void Stream::finish() {
  find_following();
  for (const music::Token token : grammar_.finish()) tokens_.push_back(token);
  done_ = true;
}

GeneratedPiece Stream::result() const {
  GeneratedPiece piece;
  piece.performance = music::decode(tokens_);
  const auto& notes = piece.performance.notes;
  piece.performance = music::make_performance(notes, piece.performance.controls);  // without silence at the end
  for (const music::Note& note : notes)
    piece.given.push_back(given_notes_.contains({music::to_step(note.start), note.pitch}));
  piece.nats = nats_;
  piece.sampled = sampled_;
  piece.minutes = minutes_;
  piece.following_nats = following_nats_;
  return piece;
}

}  // namespace piano
