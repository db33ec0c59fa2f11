// SPDX-License-Identifier: MIT
// FluidSynth as a function from events to samples. The program's own reader and timing are used, so that every file
// that the program accepts can be rendered, with exact times.
#include "piano/audio/synthesizer.hpp"

#include <rondo/midi/notes.hpp>
#include <rondo/midi/tempo_map.hpp>
#include <rondo/music/pedal.hpp>

#include <fluidsynth.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace piano {
namespace {

namespace midi = rondo::midi;

constexpr double kLongestRelease = 8;  // seconds that pedalled notes may last after the last key release
constexpr double kFade = 0.5;          // seconds of fade-out at the end

/// The last error message of FluidSynth, which would otherwise be written to stderr.
thread_local std::string t_message;

void capture_messages() {
  for (int level = FLUID_PANIC; level < LAST_LOG_LEVEL; ++level)
    fluid_set_log_function(
        level,
        [](int of, const char* message, void*) {
          if (of <= FLUID_ERR) t_message = message;
        },
        nullptr);
}

/// Checks the file type first: FluidSynth passes unknown files to a library that writes to stderr.
bool is_soundfont(const std::filesystem::path& path) {
  std::array<char, 12> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  const std::string_view text(start.data(), start.size());
  return text.starts_with("RIFF") && text.ends_with("sfbk");
}

class Synth {
 public:
  explicit Synth(const std::filesystem::path& soundfont) {
    if (!is_soundfont(soundfont)) throw std::runtime_error(soundfont.string() + " is not a SoundFont");
    capture_messages();
    settings_.reset(new_fluid_settings());
    if (!settings_) fail("cannot be started");
    fluid_settings_setnum(settings_.get(), "synth.sample-rate", kSampleRate);
    fluid_settings_setint(settings_.get(), "synth.polyphony", 1024);            // a held pedal needs many voices
    fluid_settings_setint(settings_.get(), "synth.dynamic-sample-loading", 1);  // load only the instruments in use
    synth_.reset(new_fluid_synth(settings_.get()));
    if (!synth_) fail("cannot be started");
    if (fluid_synth_sfload(synth_.get(), soundfont.string().c_str(), 1) == FLUID_FAILED)
      fail("cannot use the SoundFont " + soundfont.string());
  }

  void play(const midi::Event& event) {
    fluid_synth_t* const synth = synth_.get();
    const int channel = event.channel();
    switch (event.kind()) {  // FluidSynth ignores what a SoundFont does not have
      case midi::Kind::note_on:
        if (event.data2 == 0)
          fluid_synth_noteoff(synth, channel, event.data1);
        else
          fluid_synth_noteon(synth, channel, event.data1, event.data2);
        break;
      case midi::Kind::note_off:
        fluid_synth_noteoff(synth, channel, event.data1);
        break;
      case midi::Kind::control_change:
        fluid_synth_cc(synth, channel, event.data1, event.data2);
        break;
      case midi::Kind::program_change:
        fluid_synth_program_change(synth, channel, event.data1);
        break;
      case midi::Kind::channel_pressure:
        fluid_synth_channel_pressure(synth, channel, event.data1);
        break;
      case midi::Kind::pitch_bend:
        fluid_synth_pitch_bend(synth, channel, event.bend() + 8192);
        break;
      default:
        break;
    }
  }

  /// Renders the frames [first, end) into interleaved samples.
  void render(std::vector<float>& samples, std::size_t first, std::size_t end) {
    float* const at = samples.data() + 2 * first;
    if (fluid_synth_write_float(synth_.get(), static_cast<int>(end - first), at, 0, 2, at, 1, 2) == FLUID_FAILED)
      fail("cannot render");
  }

 private:
  [[noreturn]] static void fail(const std::string& what) {
    throw std::runtime_error("FluidSynth " + what + (t_message.empty() ? "" : ": " + t_message));
  }
  struct Delete {
    void operator()(fluid_settings_t* settings) const { delete_fluid_settings(settings); }
    void operator()(fluid_synth_t* synth) const { delete_fluid_synth(synth); }
  };
  std::unique_ptr<fluid_settings_t, Delete> settings_;
  std::unique_ptr<fluid_synth_t, Delete> synth_;
};

struct TimedEvent {
  std::size_t frame;
  midi::Event event;
};

std::size_t frame_at(midi::Seconds time) { return static_cast<std::size_t>(std::llround(time.value * kSampleRate)); }

/// The channel events of all tracks up to a time, in order.
std::vector<TimedEvent> events_until(const midi::File& file, midi::Seconds end) {
  std::vector<TimedEvent> events;
  for (std::size_t k = 0; k < file.tracks.size(); ++k) {
    const midi::TempoMap map(file, k);
    std::size_t hint = 0;
    for (const midi::Event& event : file.tracks[k].events)
      if (const auto time = map.seconds(event.time, hint); event.is_channel() && time <= end)
        events.push_back({frame_at(time), event});
  }
  std::ranges::stable_sort(events, {}, &TimedEvent::frame);
  return events;
}

/// The end of the last note, by key and pedal.
midi::Seconds end_of_notes(const midi::File& file) {
  const auto performance = midi::extract<midi::Seconds>(file);
  if (performance.notes.empty()) throw std::runtime_error("no notes");
  midi::Seconds keys{}, strings{};
  for (const auto& note : performance.notes) keys = std::max(keys, note.end);
  for (const auto& note : rondo::music::extend_notes(performance)) strings = std::max(strings, note.end);
  const auto end = std::clamp(strings, keys, keys + midi::Seconds{kLongestRelease});
  if (!(end.value <= kLongestSound))
    throw std::runtime_error("the music lasts " + std::to_string(std::lround(end.value)) + " s, at most " +
                             std::to_string(std::lround(kLongestSound)) + " s can be rendered");
  return end;
}

}  // namespace

const char* missing_synthesizer() { return ""; }

std::vector<float> synthesize(const midi::File& file, const std::filesystem::path& soundfont) {
  const midi::Seconds end = end_of_notes(file);
  const auto events = events_until(file, end);
  Synth synth(soundfont);
  std::vector<float> samples(2 * frame_at(end + midi::Seconds{kTail}));
  const std::size_t frames = samples.size() / 2;
  std::size_t now = 0;
  for (const TimedEvent& event : events) {
    if (event.frame > now) synth.render(samples, now, event.frame);
    now = event.frame;
    synth.play(event.event);
  }
  synth.render(samples, now, frames);
  const auto fade = static_cast<std::size_t>(kFade * kSampleRate);
  for (std::size_t left = 0; left < fade; ++left)
    for (std::size_t side = 0; side < 2; ++side)
      samples[2 * (frames - 1 - left) + side] *= static_cast<float>(left) / static_cast<float>(fade);
  return samples;
}

}  // namespace piano
