// SPDX-License-Identifier: MIT
#include "piano/instrument/instrument.hpp"

#include <rondo/music/key.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

namespace piano {

namespace music = rondo::music;

namespace {

constexpr std::size_t kNotesForKey = 24, kFewestNotesForKey = 4;
constexpr music::Token kOpening = music::velocity(music::velocity_bin(64));

}  // namespace

music::ConditionValues InstrumentSettings::apply(music::ConditionValues given) const {
  if (notes_per_second > 0) given.density = static_cast<std::int8_t>(music::density_bin(notes_per_second));
  if (key >= 0) given.key = static_cast<std::int8_t>(key);
  return given;
}

void Instrument::begin(const music::Performance& music, double from, double seconds,
                       const InstrumentSettings& settings) {
  std::vector<music::Note> notes;
  std::copy_if(music.notes.begin(), music.notes.end(), std::back_inserter(notes),
               [&](const music::Note& note) { return note.start.value < from; });
  std::vector<music::ControlChange> controls;
  std::copy_if(music.controls.begin(), music.controls.end(), std::back_inserter(controls),
               [&](const music::ControlChange& change) { return change.time.value < from; });
  const Primer primer{music::make_performance(std::move(notes), std::move(controls)), from};
  const bool free = primer.performance.notes.empty();
  Request request{.plan = free ? free_play(seconds) : continuation(primer, seconds),
                  .sampling = settings.sampling,
                  .seed = settings.seed};
  request.condition_values = settings.apply(free ? music::ConditionValues{} : condition_values_of(primer.performance));
  const auto& model = model_for_piece(settings.learn && !free, primer.performance);
  work_.emplace<Generator>(model, model_.input_spec(), std::vector{request}, kOpening);
}

void Instrument::begin_infill(const music::Performance& music, Span gap, int candidates,
                              const InstrumentSettings& settings) {
  const Primer whole = primer_of(music, std::numeric_limits<double>::infinity());
  begin_ = whole.begin;
  gap = {gap.begin - begin_, gap.end - begin_};
  Request request{.plan = {}, .sampling = settings.sampling, .seed = settings.seed};
  request.condition_values = settings.apply(condition_values_of(whole.performance));
  const auto& model = model_for_piece(settings.learn, regenerate_span(whole, gap).given);
  work_.emplace<Infilling>(model, model_.input_spec(), whole.performance, gap, request, kOpening,
                           InfillOptions{.candidates = candidates});
}

const rondo::TokenModel<float>& Instrument::model_for_piece(bool learn, const music::Performance& music) {
  work_.emplace<std::monostate>();
  reading_.reset();
  adaptive_.reset();
  if (!learn) return model_.network;
  adaptive_.emplace(model_.network, adaptation_);
  reading_.emplace(*adaptive_, music::Piece{.name = "primer", .performance = music}, model_.input_spec(),
                   model_.conditions.needs_lookahead());
  return adaptive_->model();
}

bool Instrument::run(double seconds) {
  const auto start = std::chrono::steady_clock::now();
  const auto left = [&] {
    return seconds - std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  while (reading_ && left() > 0)
    if (!reading_->next()) reading_.reset();
  if (auto* generator = std::get_if<Generator>(&work_)) return generator->run(left());
  if (auto* infilling = std::get_if<Infilling>(&work_)) return infilling->run(left());
  throw std::logic_error("Instrument::run: no piece has begun");
}

GeneratedPiece Instrument::result() const {
  if (const auto* generator = std::get_if<Generator>(&work_)) return generator->results()[0];
  const auto* infilling = std::get_if<Infilling>(&work_);
  if (!infilling) throw std::logic_error("Instrument::result: no piece has begun");
  GeneratedPiece piece = infilling->result(1).outputs[0].piece;
  auto notes = piece.performance.notes;
  auto controls = piece.performance.controls;
  for (music::Note& note : notes) note.start.value += begin_, note.end.value += begin_;
  for (music::ControlChange& change : controls) change.time.value += begin_;
  piece.performance = music::make_performance(std::move(notes), std::move(controls));
  return piece;
}

void Instrument::begin_live(const InstrumentSettings& settings) {
  settings_ = settings;
  settings_.learn = false;
  recent_pitches_.clear();
  live_.emplace(model_.network, model_.input_spec(), model_.pedal, kOpening, live_settings(), settings.seed);
  adaptive_live_.reset();
  set_live(settings);
}

void Instrument::set_live(const InstrumentSettings& settings) {
  const bool learned = std::exchange(settings_, settings).learn;
  live().set(live_settings());
  if (settings.learn == learned) return;
  live().set_model(model_.network);
  adaptive_live_.reset();
  if (!settings.learn) return;
  adaptive_live_.emplace(model_.network, adaptation_);
  learning_state_ = model_.network.zero_state(1);
  live().set_model(adaptive_live_->model());
}

void Instrument::learn_live() {
  const auto window = static_cast<std::size_t>(adaptation_.window);
  if (!adaptive_live_ || live().settled() <= window) return;
  std::vector<music::Token> inputs, targets;
  std::vector<std::uint8_t> excluded;
  for (std::size_t i = 0; i < window; ++i) {
    const LiveToken &token = live().tokens()[i], &next = live().tokens()[i + 1];
    inputs.insert(inputs.end(), token.ids.begin(), token.ids.end());
    excluded.insert(excluded.end(), token.excluded.begin(), token.excluded.end());
    targets.push_back(next.given ? next.token : rondo::kIgnoreIndex);
  }
  Likelihood likelihood;
  adaptive_live_->read(inputs, targets, excluded, learning_state_, likelihood);
  live().forget_tokens(window);
}

void Instrument::live_key(std::int64_t step, int pitch, int velocity) {
  if (velocity > 0) {
    recent_pitches_.push_back(pitch);
    if (recent_pitches_.size() > kNotesForKey) recent_pitches_.pop_front();
    live().set(live_settings());
  }
  live().key(step, pitch, velocity);
}

Live& Instrument::live() {
  if (!live_) throw std::logic_error("Instrument: nothing is played live");
  return *live_;
}

LiveSettings Instrument::live_settings() const {
  music::ConditionValues given;
  if (recent_pitches_.size() >= kFewestNotesForKey) {
    std::array<double, 12> classes{};
    for (const int pitch : recent_pitches_) classes[static_cast<std::size_t>(pitch % 12)] += 1;
    given.key = static_cast<std::int8_t>(music::find_key(classes));
  }
  return {settings_.sampling, settings_.apply(given), settings_.lowest, settings_.highest};
}

}  // namespace piano
