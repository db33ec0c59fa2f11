// SPDX-License-Identifier: MIT
#include "piano/generation/live.hpp"

#include <algorithm>
#include <utility>

namespace piano {

namespace music = rondo::music;
using music::EventKind;

namespace {

constexpr std::int64_t kFirstNote = music::kStepsPerSecond / 5;  // of a turn
constexpr std::int64_t kRemembered = 3 * music::kStepsPerSecond;

}  // namespace

Live::Live(const rondo::TokenModel<float>& model, const music::InputSpec& input_spec, music::PedalMode pedal_mode,
           music::Token opening, const LiveSettings& settings, std::uint64_t seed)
    : model_(&model),
      input_spec_(input_spec),
      pedal_mode_(pedal_mode),
      opening_(opening),
      settings_(settings),
      sampler_(settings.sampling, seed),
      ids_(static_cast<std::size_t>(input_spec.conditions.ids_per_step())) {
  Position start{.grammar = music::Grammar({.pedal = input_spec.vocabulary == music::kVocabularyWithPedal}),
                 .played = {},
                 .mask = GrammarMask(input_spec),
                 .state = model.zero_state(1),
                 .logits = {},
                 .given = {},
                 .struck = {}};
  positions_.push_back(std::move(start));
}

void Live::set(const LiveSettings& settings) {
  sampler_.set_config(settings.sampling);
  settings_ = settings;
}

void Live::key(std::int64_t step, int pitch, int velocity) {
  const auto index = static_cast<std::size_t>(pitch);
  if (velocity == 0 && !keys_.test(index)) return;
  keys_.set(index, velocity > 0);
  if (velocity == 0) {
    if (pedal_down_ && pedal_mode_ == music::PedalMode::extend) {
      sustained_.set(index);
      return;
    }
    move_to(step);
    release_given(pitch);
    return;
  }
  move_to(step);
  sustained_.reset(index);
  if (is_generated(pitch))
    release(pitch);
  else
    release_given(pitch);
  const int bin = music::velocity_bin(velocity);
  if (bin != at().bin) put(music::velocity(bin), true);
  put(music::note_on(pitch), true);
  at().given.set(index);
  at().waiting_since = -1;
}

void Live::pedal(std::int64_t step, bool down) {
  if (down == pedal_down_) return;
  pedal_down_ = down;
  if (pedal_mode_ == music::PedalMode::ignore || (pedal_mode_ == music::PedalMode::extend && down)) return;
  move_to(step);
  if (pedal_mode_ == music::PedalMode::tokens) {
    put(music::pedal(down), true);
    return;
  }
  for (int pitch = 0; pitch < music::kPitches; ++pitch) {
    const auto index = static_cast<std::size_t>(pitch);
    if (sustained_.test(index) && !keys_.test(index)) release_given(pitch);
  }
  sustained_.reset();
}

void Live::begin_turn(std::int64_t step) {
  move_to(step);
  at().waiting_since = at().now();
}

void Live::end_turn(std::int64_t step) {
  move_to(step);
  at().waiting_since = -1;
  for (int pitch = 0; pitch < music::kPitches; ++pitch)
    if (is_generated(pitch)) release(pitch);
}

bool Live::generate(std::int64_t step, int most) {
  for (int i = 0; now() < step; ++i) {
    if (i == most) return false;
    sample();
  }
  return true;
}

std::size_t Live::take_unchanged() { return std::exchange(unchanged_, events_.size()); }

std::size_t Live::settled() const {
  const auto later = [&](const LiveToken& token) { return token.step > last_given_; };
  return static_cast<std::size_t>(std::find_if(tokens_.begin(), tokens_.end(), later) - tokens_.begin());
}

void Live::forget_tokens(std::size_t count) {
  tokens_.erase(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(count));
  forgotten_ += count;
}

std::int64_t Live::drop_after(std::int64_t step) {
  step = std::max({step, last_given_, positions_.front().now()});
  last_given_ = step;
  while (positions_.size() > 1 && at().now() > step) positions_.pop_back();
  events_.resize(at().events);
  while (forgotten_ + tokens_.size() > at().tokens) tokens_.pop_back();
  unchanged_ = std::min(unchanged_, events_.size());
  while (positions_.size() > 1 && positions_.front().now() < step - kRemembered) positions_.pop_front();
  return step;
}

void Live::advance(std::int64_t step) {
  if (!at().played.any() && step - at().now() > kLongestSilence) {
    positions_.push_back(at());
    at().skipped += step - at().now() - kLongestSilence;
  }
  while (at().now() < step) {
    std::int64_t shift = std::min<std::int64_t>(step - at().now(), music::kMaxShift);
    for (int pitch = 0; pitch < music::kPitches; ++pitch)
      if (is_generated(pitch)) {
        const std::int64_t left = at().struck[static_cast<std::size_t>(pitch)] + kLongestNote - at().grammar.steps();
        if (left <= 0)
          release(pitch);
        else
          shift = std::min(shift, left);
      }
    put(music::time_shift(static_cast<int>(shift)), true);
  }
}

void Live::put(music::Token token, bool given) {
  positions_.push_back(at());
  Position& p = at();
  if (given && !p.logits.empty()) {
    p.given_nats -= rondo::log_probability(std::span<const float>(p.logits), token);
    ++p.given_tokens;
  }
  const music::Event event = music::event_of(token);
  p.grammar.feed(token);
  p.played.feed(token);
  p.mask.feed(token);
  if (event.kind == EventKind::velocity) p.bin = event.value;
  if (event.kind == EventKind::note_on) p.struck[static_cast<std::size_t>(event.value)] = p.grammar.steps();
  music::write_step(input_spec_.conditions, input_spec_.vocabulary, token, settings_.condition_values, p.played, {},
                    ids_);
  tokens_.push_back({ids_, {}, token, given, p.now()});
  p.mask.append_excluded(input_spec_.vocabulary, tokens_.back().excluded);
  p.tokens = forgotten_ + tokens_.size();
  if (tokens_.size() > kRecorded) forget_tokens(1);
  const auto logits = model_->step(ids_, p.state, scratch_);
  p.logits.assign(logits.data, logits.data + logits.rows);
  p.mask.apply(p.logits);
}

void Live::release(int pitch) {
  put(music::note_off(pitch));
  events_.push_back({at().now(), pitch, 0});
  at().events = events_.size();
}

void Live::release_given(int pitch) {
  if (!at().given.test(static_cast<std::size_t>(pitch))) return;
  put(music::note_off(pitch), true);
  at().given.reset(static_cast<std::size_t>(pitch));
}

void Live::mask() {
  const auto grammar = at().grammar.allowed();
  allowed_.assign(grammar.begin(), grammar.end());
  const auto forbid = [&](music::Token token) { allowed_[static_cast<std::size_t>(token)] = 0; };
  for (int pitch = 0; pitch < music::kPitches; ++pitch) {
    if (at().given.test(static_cast<std::size_t>(pitch))) forbid(music::note_off(pitch));
    if (pitch < settings_.lowest || pitch > settings_.highest) forbid(music::note_on(pitch));
  }
  if (input_spec_.vocabulary == music::kVocabularyWithPedal) forbid(music::kPedalDown), forbid(music::kPedalUp);
  bool any_note = false;
  for (int pitch = settings_.lowest; pitch <= settings_.highest; ++pitch)
    any_note = any_note || allowed_[static_cast<std::size_t>(music::note_on(pitch))] != 0;
  if (!any_note)  // the first note of all is preceded by a velocity
    for (int bin = 0; bin < music::kVelocityBins && at().bin >= 0; ++bin) forbid(music::velocity(bin));
  if (at().waiting_since >= 0 && any_note) {
    const std::int64_t left = std::max<std::int64_t>(at().waiting_since + kFirstNote - at().now(), 0);
    for (int shift = static_cast<int>(left) + 1; shift <= music::kMaxShift; ++shift) forbid(music::time_shift(shift));
  }
  if (std::count(allowed_.begin(), allowed_.end(), 1) == 0)  // after a short shift, with no key to press or release
    std::fill_n(allowed_.begin() + music::kFirstTimeShift, music::kMaxShift, std::uint8_t{1});
}

void Live::sample() {
  if (at().logits.empty()) put(opening_);
  for (int pitch = 0; pitch < music::kPitches; ++pitch) {
    const auto index = static_cast<std::size_t>(pitch);
    if (!at().given.test(index) || at().grammar.steps() - at().struck[index] < kLongestNote) continue;
    release_given(pitch);  // the player has held the key for longer than a note may last
  }
  mask();
  const music::Token token = sampler_(at().logits, allowed_);
  ++generated_;
  put(token);
  const music::Event event = music::event_of(token);
  if (event.kind == EventKind::note_on) {
    at().waiting_since = -1;
    events_.push_back({at().now(), event.value, music::bin_velocity(at().bin)});
  } else if (event.kind == EventKind::note_off) {
    events_.push_back({at().now(), event.value, 0});
  }
  at().events = events_.size();
}

}  // namespace piano
