// SPDX-License-Identifier: MIT
// A MIDI file as a WAV file, for whoever has no synthesizer at hand. Which instrument it is played on is in a
// SoundFont.
#pragma once

#include <filesystem>
#include <vector>

namespace piano {

/// Where systems keep SoundFonts, the user's own folder first.
std::vector<std::filesystem::path> soundfont_folders();

/// The SoundFont to play with: `asked` if it is not empty, else $RONDO_SOUNDFONT, else one of these folders: a General
/// MIDI one by its usual name, or the first .sf2 or .sf3 by name. Throws std::runtime_error with a line that says what
/// to install where there is none, or where the program was built without FluidSynth: asked early, it spares the wait.
std::filesystem::path find_soundfont(const std::filesystem::path& asked = {},
                                     const std::vector<std::filesystem::path>& folders = soundfont_folders());

/// Plays `midi` on `soundfont` into `wav`: 16 bit, stereo, 44.1 kHz, three seconds longer than its last note, as loud
/// as it can be without clipping (its peak at -1 dB). `wav` is replaced only when all is done. Throws
/// std::runtime_error naming `midi` or `wav`, and what reading a MIDI file throws.
void render_wav(const std::filesystem::path& midi, const std::filesystem::path& wav,
                const std::filesystem::path& soundfont);

}  // namespace piano
