// SPDX-License-Identifier: MIT
#include "piano/instrument/instrument.hpp"

#include <rondo/music/key.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <stdexcept>
#include <utility>

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
  Request request{.plan = primer.performance.notes.empty() ? free_play(seconds) : continuation(primer, seconds),
                  .sampling = settings.sampling,
                  .seed = settings.seed};
  request.condition_values = settings.apply(primer.performance.notes.empty() ? music::ConditionValues{}
                                                                             : condition_values_of(primer.performance));
  stream_.emplace(request, model_.input_spec(), kOpening);
  at_ = 0;
  state_ = model_.network.zero_state(1);
  ids_.resize(static_cast<std::size_t>(model_.conditions.ids_per_step()));
}

bool Instrument::run(double seconds) {
  if (!stream_) throw std::logic_error("Instrument::run: no piece has begun");
  const auto start = std::chrono::steady_clock::now();
  const std::chrono::duration<double> budget(seconds);
  for (; !stream_->done() && std::chrono::steady_clock::now() - start < budget; ++at_) {
    stream_->next_input(at_, ids_);
    const auto logits = model_.network.step(ids_, state_, scratch_);
    stream_->set_logits(at_, {logits.data, static_cast<std::size_t>(logits.rows)});
  }
  return stream_->done();
}

GeneratedPiece Instrument::result() const {
  if (!stream_) throw std::logic_error("Instrument::result: no piece has begun");
  return stream_->result();
}

void Instrument::begin_live(const InstrumentSettings& settings) {
  settings_ = settings;
  recent_pitches_.clear();
  live_.emplace(model_.network, model_.input_spec(), model_.pedal, kOpening, live_settings(), settings.seed);
}

void Instrument::set_live(const InstrumentSettings& settings) {
  settings_ = settings;
  live().set(live_settings());
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
