// SPDX-License-Identifier: MIT
// A MIDI file as audio samples. There are two implementations: fluidsynth.cpp uses the library FluidSynth,
// no_fluidsynth.cpp is the stub of programs that are built without it.
#pragma once

#include <rondo/midi/file.hpp>

#include <filesystem>
#include <vector>

namespace piano {

inline constexpr int kSampleRate = 44100;      // frames per second
inline constexpr double kTail = 3;             // seconds after the last note, for release and reverb
inline constexpr double kLongestSound = 3600;  // seconds; 1.3 GB of samples

/// A message that says what to install for synthesize(); empty if it works.
const char* missing_synthesizer();

/// Interleaved stereo samples of any amplitude, from 0 s of the file to kTail after its last note has ended (by key and
/// pedal). Throws std::runtime_error if there are no notes, they last longer than kLongestSound, the SoundFont cannot
/// be used, or there is no synthesizer.
std::vector<float> synthesize(const rondo::midi::File& file, const std::filesystem::path& soundfont);

}  // namespace piano
