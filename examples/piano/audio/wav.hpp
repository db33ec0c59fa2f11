// SPDX-License-Identifier: MIT
// Renders MIDI files as WAV files, with the instruments of a SoundFont.
#pragma once

#include <filesystem>
#include <vector>

namespace piano {

/// The usual folders of SoundFonts, the user's own first.
std::vector<std::filesystem::path> soundfont_folders();

/// The SoundFont to use: `named` if it is not empty, else $RONDO_SOUNDFONT, else one in these folders: a General MIDI
/// one by its usual name, or the first .sf2 or .sf3 by name. Throws std::runtime_error with a line that says what to
/// install if there is none, or if the program was built without FluidSynth. To be called before the work that it is
/// for.
std::filesystem::path find_soundfont(const std::filesystem::path& named = {},
                                     const std::vector<std::filesystem::path>& folders = soundfont_folders());

/// Renders `midi` with `soundfont` to `wav`: 16 bit, stereo, 44.1 kHz, three seconds longer than the last note, peak at
/// -1 dB. `wav` is replaced atomically. Throws std::runtime_error with the name of `midi` or `wav`, and what reading a
/// MIDI file throws.
void render_wav(const std::filesystem::path& midi, const std::filesystem::path& wav,
                const std::filesystem::path& soundfont);

}  // namespace piano
