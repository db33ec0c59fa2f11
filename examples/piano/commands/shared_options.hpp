// SPDX-License-Identifier: MIT
// Options that several commands have: sampling, conditions, audio, the pedal.
#pragma once

#include "options.hpp"
#include "piano/generation/target_conditions.hpp"

#include <rondo/music/key.hpp>
#include <rondo/sampling.hpp>

#include <CLI/CLI.hpp>

#include <exception>
#include <string>

namespace piano {

/// --top-k, --top-p, --min-p.
inline void add_filter_options(CLI::App& app, rondo::SamplingConfig& sampling) {
  app.add_option("--top-k", sampling.top_k, "sample from the k most likely tokens; 0: all")
      ->check(examples::integer_in("[0, inf)"));
  app.add_option("--top-p", sampling.top_p, "sample from the fewest tokens whose probabilities sum to p; 1: all")
      ->check(examples::real_in("(0, 1]"));
  app.add_option("--min-p", sampling.min_p,
                 "sample from tokens with at least p times the probability of the most likely one; 0: all")
      ->check(examples::real_in("[0, 1)"));
}

/// --temperature and the filters.
inline void add_sampling_options(CLI::App& app, rondo::SamplingConfig& sampling) {
  app.add_option("--temperature", sampling.temperature,
                 "sampling temperature: below 1 sharpens the distribution, above 1 flattens it; 0: greedy")
      ->check(examples::real_in("[0, inf)"));
  add_filter_options(app, sampling);
}

/// --notes-per-second and --key. `models` says which models they are for.
inline void add_condition_options(CLI::App& app, TargetConditions& target, const std::string& models) {
  app.add_option("--notes-per-second", target.notes_per_second,
                 "note density of the new music, for " + models + " (default: the primer's)")
      ->check(examples::real_in("(0, inf)"));
  app.add_option("--key", target.key,
                 "key of the new music, e.g. 'F# minor', for " + models + " (default: the primer's)")
      ->check([](const std::string& text) {
        try {
          rondo::music::key_named(text);
          return std::string();
        } catch (const std::exception& e) {
          return std::string(e.what());
        }
      });
}

struct AudioOptions {
  bool wav = false;
  std::string soundfont;
};

/// --wav and --soundfont.
inline void add_audio_options(CLI::App& app, AudioOptions& audio) {
  app.add_flag("--wav", audio.wav, "render each output as a WAV file too, with FluidSynth");
  app.add_option("--soundfont", audio.soundfont,
                 "SoundFont for --wav, a .sf2 or .sf3 file (default: an installed one)");
}

/// --pedal: extend, tokens or ignore.
inline void add_pedal_option(CLI::App& app, std::string& pedal) {
  app.add_option("--pedal", pedal,
                 "encoding of the sustain pedal: extend notes by it, write it as tokens, or ignore it")
      ->check(CLI::IsMember({"extend", "tokens", "ignore"}));
}

}  // namespace piano
