// SPDX-License-Identifier: MIT
// The functions that a page calls. Each returns -1 if it failed; error() is then the reason. Arrays of numbers are
// returned in output(). Times are in seconds; live times in steps of 10 ms.
//
//   settings  temperature, top-k, top-p, min-p, seed, notes per second (0: as given), key (-1: as given), lowest and
//             highest pitch of the model while live, whether it learns (0 or 1)
//   music     the number of notes; start, end, pitch, velocity of each; time, down (0 or 1) of each pedal change
#include "piano/instrument/instrument.hpp"
#include "piano/instrument/page_training.hpp"

#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace piano {
namespace {

namespace music = rondo::music;

std::unique_ptr<Instrument> instrument;
std::unique_ptr<PageTraining> training;
std::vector<double> output;
std::vector<std::uint8_t> output_bytes;
std::string error;

template <class F>
int guarded(F&& f) {
  try {
    return f();
  } catch (const std::exception& e) {
    error = e.what();
    return -1;
  }
}

Instrument& the_instrument() {
  if (!instrument) throw std::logic_error("no model is loaded");
  return *instrument;
}

PageTraining& the_training() {
  if (!training) throw std::logic_error("no training has begun");
  return *training;
}

InstrumentSettings settings_of(const double* s) {
  return {{.temperature = s[0], .top_k = static_cast<int>(s[1]), .top_p = s[2], .min_p = s[3]},
          static_cast<std::uint64_t>(s[4]),
          s[5],
          static_cast<int>(s[6]),
          static_cast<int>(s[7]),
          static_cast<int>(s[8]),
          s[9] > 0};
}

music::Performance performance_of(const double* numbers, int count) {
  const auto all = std::span(numbers, static_cast<std::size_t>(count));
  const auto notes = all.empty() ? std::size_t{0} : static_cast<std::size_t>(all[0]);
  if (all.empty() || all.size() < 1 + 4 * notes) throw std::invalid_argument("music: too few numbers");
  music::Performance performance;
  std::size_t at = 1;
  for (std::size_t i = 0; i < notes; ++i, at += 4)
    performance.notes.push_back({.start = {all[at]},
                                 .end = {all[at + 1]},
                                 .pitch = static_cast<std::uint8_t>(all[at + 2]),
                                 .velocity = static_cast<std::uint8_t>(all[at + 3])});
  for (; at + 1 < all.size(); at += 2)
    performance.controls.push_back({.time = {all[at]}, .value = static_cast<std::uint8_t>(all[at + 1] > 0 ? 127 : 0)});
  return music::make_performance(std::move(performance.notes), std::move(performance.controls));
}

}  // namespace
}  // namespace piano

using namespace piano;

#pragma GCC diagnostic ignored "-Wmissing-declarations"  // called from JavaScript

extern "C" {

[[gnu::used]] const char* rondo_error() { return error.c_str(); }
[[gnu::used]] const double* rondo_output() { return output.data(); }
[[gnu::used]] int rondo_output_size() { return static_cast<int>(output.size()); }
[[gnu::used]] const std::uint8_t* rondo_output_bytes() { return output_bytes.data(); }

/// Loads a packed model. Returns its conditions: 1 notes per second, 2 key, 4 active notes, added.
[[gnu::used]] int rondo_load(const std::uint8_t* bytes, int size) {
  return guarded([&] {
    instrument = std::make_unique<Instrument>(unpack_model({bytes, static_cast<std::size_t>(size)}));
    const auto& conditions = instrument->model().conditions;
    return conditions.notes_per_second + 2 * conditions.key + 4 * conditions.active_notes;
  });
}

/// How the model learns: tokens between two steps, learning rate, and the pull to the trained weights.
[[gnu::used]] int rondo_adaptation(int window, double learning_rate, double pull) {
  return guarded([&] {
    if (window < 1) throw std::invalid_argument("adaptation: a window of " + std::to_string(window) + " tokens");
    the_instrument().set_adaptation({.window = window, .learning_rate = learning_rate, .pull = pull});
    return 0;
  });
}

/// Begins a piece: `music` before `from`, then `seconds` of new music.
[[gnu::used]] int rondo_begin(const double* numbers, int count, double from, double seconds, const double* settings) {
  return guarded([&] {
    the_instrument().begin(performance_of(numbers, count), from, seconds, settings_of(settings));
    return 0;
  });
}

/// Begins to replace `music` from `from` to `to` by one that is drawn from so many candidates.
[[gnu::used]] int rondo_fill(const double* numbers, int count, double from, double to, int candidates,
                             const double* settings) {
  return guarded([&] {
    the_instrument().begin_infill(performance_of(numbers, count), {from, to}, candidates, settings_of(settings));
    return 0;
  });
}

/// Computes for about `seconds`. Returns 1 when the piece is complete, else 0.
[[gnu::used]] int rondo_run(double seconds) {
  return guarded([&] { return int{the_instrument().run(seconds)}; });
}

/// The piece so far: [sampled tokens, nats, music with a fifth number for each note: 1 if it was given].
[[gnu::used]] int rondo_result() {
  return guarded([&] {
    const GeneratedPiece piece = the_instrument().result();
    output = {static_cast<double>(piece.sampled), piece.nats, static_cast<double>(piece.performance.notes.size())};
    for (std::size_t i = 0; i < piece.performance.notes.size(); ++i) {
      const music::Note& note = piece.performance.notes[i];
      for (const double number : {note.start.value, note.end.value, static_cast<double>(note.pitch),
                                  static_cast<double>(note.velocity), piece.given[i] ? 1.0 : 0.0})
        output.push_back(number);
    }
    for (const auto& change : piece.performance.controls)
      output.push_back(change.time.value), output.push_back(music::is_down(change) ? 1 : 0);
    return 0;
  });
}

[[gnu::used]] int rondo_live_begin(const double* settings) {
  return guarded([&] {
    the_instrument().begin_live(settings_of(settings));
    return 0;
  });
}

[[gnu::used]] int rondo_live_set(const double* settings) {
  return guarded([&] {
    the_instrument().set_live(settings_of(settings));
    return 0;
  });
}

[[gnu::used]] int rondo_live_key(double step, int pitch, int velocity) {
  return guarded([&] {
    if (pitch < 0 || pitch >= music::kPitches) throw std::invalid_argument("key: pitch " + std::to_string(pitch));
    the_instrument().live_key(static_cast<std::int64_t>(step), pitch, velocity);
    return 0;
  });
}

[[gnu::used]] int rondo_live_pedal(double step, int down) {
  return guarded([&] {
    the_instrument().live().pedal(static_cast<std::int64_t>(step), down != 0);
    return 0;
  });
}

/// The model's turn begins (1) or ends (0).
[[gnu::used]] int rondo_live_turn(double step, int begins) {
  return guarded([&] {
    Live& live = the_instrument().live();
    begins ? live.begin_turn(static_cast<std::int64_t>(step)) : live.end_turn(static_cast<std::int64_t>(step));
    return 0;
  });
}

/// Generates until `step`, at most `most` tokens; returns 1 if `step` is reached. With most = 0 it only reports. A
/// model that learns learns from up to one window of tokens. Output: [tokens sampled so far, nats of the player's
/// tokens, their number, number of first events that are unchanged, then step, pitch, velocity of each event after
/// them].
[[gnu::used]] int rondo_live_generate(double step, int most) {
  return guarded([&] {
    Live& live = the_instrument().live();
    const bool reached = live.generate(static_cast<std::int64_t>(step), most);
    the_instrument().learn_live();
    const std::size_t unchanged = live.take_unchanged();
    output = {static_cast<double>(live.generated()), live.given_nats(), static_cast<double>(live.given_tokens()),
              static_cast<double>(unchanged)};
    for (std::size_t i = unchanged; i < live.events().size(); ++i) {
      const LiveEvent& event = live.events()[i];
      for (const double number :
           {static_cast<double>(event.step), static_cast<double>(event.pitch), static_cast<double>(event.velocity)})
        output.push_back(number);
    }
    return int{reached};
  });
}

/// Begins the training of a new model for `seconds`.
[[gnu::used]] int rondo_train_begin(double seconds, double seed) {
  return guarded([&] {
    training = std::make_unique<PageTraining>(seconds, static_cast<std::uint64_t>(seed));
    return 0;
  });
}

/// Adds a MIDI file; returns the number of its notes.
[[gnu::used]] int rondo_train_add(const std::uint8_t* midi, int size, const char* name) {
  return guarded([&] {
    the_training().add({midi, static_cast<std::size_t>(size)}, name);
    return static_cast<int>(the_training().pieces().back().performance.notes.size());
  });
}

/// Trains on one batch. Output: [nats per token of the batch, fraction of the time that is used, tokens so far].
[[gnu::used]] int rondo_train_step() {
  return guarded([&] {
    const auto progress = the_training().step();
    output = {progress.nll, progress.done, static_cast<double>(progress.tokens)};
    return 0;
  });
}

/// Plays with the model that was trained. The training can go on. Returns its conditions as rondo_load.
[[gnu::used]] int rondo_train_use() {
  return guarded([&] {
    const PlayableModel& model = the_training().model();
    const auto bytes = pack_model(model.pedal, model.conditions, model.grammar, model.network);
    return rondo_load(bytes.data(), static_cast<int>(bytes.size()));
  });
}

/// `music` as a MIDI file in rondo_output_bytes(); returns its size.
[[gnu::used]] int rondo_midi(const double* numbers, int count, const char* title) {
  return guarded([&] {
    output_bytes = rondo::midi::write(rondo::midi::compose(performance_of(numbers, count), title));
    return static_cast<int>(output_bytes.size());
  });
}

}  // extern "C"
