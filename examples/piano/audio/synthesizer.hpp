// SPDX-License-Identifier: MIT
// A MIDI file as sound. There are two of these: fluidsynth.cpp plays it with FluidSynth's library, no_fluidsynth.cpp
// stands in where the program is built without.
#pragma once

#include <rondo/midi/file.hpp>

#include <filesystem>
#include <vector>

namespace piano {

inline constexpr int kSampleRate = 44100;      // frames a second
inline constexpr double kTail = 3;             // seconds after the last note: strings and room die away
inline constexpr double kLongestSound = 3600;  // seconds; 1.3 GB of samples

/// What to install so that synthesize() works; empty where it does.
const char* missing_synthesizer();

/// Left and right in turn, at any loudness, from 0 s of the file to kTail after its last note has ended (by its key and
/// pedal). Throws std::runtime_error if there are no notes, they last longer than kLongestSound, the SoundFont cannot
/// be used, or there is no synthesizer.
std::vector<float> synthesize(const rondo::midi::File& file, const std::filesystem::path& soundfont);

}  // namespace piano
