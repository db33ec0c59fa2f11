// SPDX-License-Identifier: MIT
#include "piano/audio/wav.hpp"
#include "piano/audio/synthesizer.hpp"

#include <rondo/io/replace_file.hpp>
#include <rondo/midi/reader.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace piano {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path named_soundfont(const fs::path& path, const std::string& by) {
  std::error_code code;
  if (!fs::is_regular_file(path, code)) throw std::runtime_error(by + ": no SoundFont at " + path.string());
  return path;
}

/// The best SoundFont in one folder; empty if it has none.
fs::path soundfont_in(const fs::path& folder) {
  std::error_code code;
  for (const char* name : {"default-GM.sf2", "default.sf2", "FluidR3_GM.sf2", "default-GM.sf3", "default.sf3"})
    if (fs::is_regular_file(folder / name, code)) return folder / name;
  fs::path first;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    const fs::path& path = entry->path();
    std::error_code unknown;
    if ((path.extension() == ".sf2" || path.extension() == ".sf3") && entry->is_regular_file(unknown) &&
        (first.empty() || path < first))
      first = path;
  }
  return first;
}

void put(std::string& out, std::uint32_t value, int bytes) {
  for (int k = 0; k < bytes; ++k) out += static_cast<char>(value >> 8 * k & 0xFF);
}

/// The header of a WAV file with so many bytes of samples.
std::string wav_header(std::size_t bytes) {
  constexpr int kPcm = 1, kChannels = 2, kBits = 16, kFrame = kChannels * kBits / 8;
  const auto size = static_cast<std::uint32_t>(bytes);  // an hour's is 635 MB
  std::string header = "RIFF";
  put(header, 36 + size, 4);
  header += "WAVEfmt ";
  put(header, 16, 4);
  put(header, kPcm, 2);
  put(header, kChannels, 2);
  put(header, kSampleRate, 4);
  put(header, kSampleRate * kFrame, 4);
  put(header, kFrame, 2);
  put(header, kBits, 2);
  header += "data";
  put(header, size, 4);
  return header;
}

/// 16-bit samples, little end first, the loudest of them at -1 dB.
std::string to_16_bit(std::span<const float> samples) {
  constexpr float kPeak = 32767 * 0.891f;
  float loudest = 0;
  for (float sample : samples) loudest = std::max(loudest, std::abs(sample));
  const float scale = loudest > 0 ? kPeak / loudest : 0;
  std::string bytes;
  bytes.reserve(2 * samples.size());
  for (float sample : samples) put(bytes, static_cast<std::uint16_t>(std::lround(sample * scale)), 2);
  return bytes;
}

}  // namespace

std::vector<fs::path> soundfont_folders() {
  std::vector<fs::path> folders;
  const std::string data = environment("XDG_DATA_HOME"), home = environment("HOME");
  if (!data.empty())
    folders.push_back(fs::path(data) / "soundfonts");
  else if (!home.empty())
    folders.push_back(fs::path(home) / ".local" / "share" / "soundfonts");
  for (const char* folder : {"/usr/local/share/soundfonts", "/usr/share/sounds/sf2", "/usr/share/soundfonts",
                             "/usr/share/sounds/sf3", "/opt/homebrew/share/soundfonts"})
    folders.emplace_back(folder);
  return folders;
}

fs::path find_soundfont(const fs::path& asked, const std::vector<fs::path>& folders) {
  if (*missing_synthesizer() != '\0') throw std::runtime_error(std::string("--wav: ") + missing_synthesizer());
  if (!asked.empty()) return named_soundfont(asked, "--soundfont");
  if (const std::string given = environment("RONDO_SOUNDFONT"); !given.empty())
    return named_soundfont(given, "RONDO_SOUNDFONT");
  for (const fs::path& folder : folders)
    if (fs::path found = soundfont_in(folder); !found.empty()) return found;
  std::string where;
  for (const fs::path& folder : folders) where += (where.empty() ? "" : ", ") + folder.string();
  throw std::runtime_error("--wav: no SoundFont in " + where +
                           "; install one (Debian: fluid-soundfont-gm) or name yours with --soundfont FILE");
}

void render_wav(const fs::path& midi, const fs::path& wav, const fs::path& soundfont) {
  const rondo::midi::File file = rondo::midi::read_file(midi).file;
  try {
    const std::string samples = to_16_bit(synthesize(file, soundfont));
    const std::string header = wav_header(samples.size());
    const std::array<std::string_view, 2> parts{header, samples};
    rondo::replace_file(wav, parts);
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(midi.string() + ": not enough memory to render it");
  } catch (const rondo::file_error&) {
    throw;  // names the file that was to be written
  } catch (const std::runtime_error& e) {
    throw std::runtime_error(midi.string() + ": " + e.what());
  }
}

}  // namespace piano
