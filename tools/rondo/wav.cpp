// SPDX-License-Identifier: MIT
#include "rondo/wav.hpp"

#include <rondo/core/error.hpp>

#include <string>

#if defined(RONDO_TOOL_SNDFILE)
#include <sndfile.h>

#include <memory>
#endif

namespace tool {

#if defined(RONDO_TOOL_SNDFILE)

namespace {

using File = std::unique_ptr<SNDFILE, int (*)(SNDFILE*)>;

}  // namespace

Sound read_wav(const std::filesystem::path& path) {
  SF_INFO info{};
  const File file(sf_open(path.string().c_str(), SFM_READ, &info), &sf_close);
  if (!file) throw rondo::file_error(path.string() + ": " + sf_strerror(nullptr));
  if (info.channels != 1)
    throw rondo::file_error(path.string() + ": has " + std::to_string(info.channels) + " channels, wanted 1");
  Sound sound{{}, info.samplerate};
  // In blocks: the number of frames in the header may be wrong.
  std::vector<double> block(65536);
  for (sf_count_t n; (n = sf_read_double(file.get(), block.data(), static_cast<sf_count_t>(block.size()))) > 0;)
    sound.samples.insert(sound.samples.end(), block.begin(), block.begin() + n);
  return sound;
}

void write_wav(const std::filesystem::path& path, const Sound& sound) {
  SF_INFO info{};
  info.samplerate = sound.sample_rate, info.channels = 1, info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
  const File file(sf_open(path.string().c_str(), SFM_WRITE, &info), &sf_close);
  const auto count = static_cast<sf_count_t>(sound.samples.size());
  if (!file || sf_write_double(file.get(), sound.samples.data(), count) != count)
    throw rondo::file_error(path.string() + ": cannot be written: " + sf_strerror(file.get()));
}

#else

namespace {

[[noreturn]] void unavailable(const std::filesystem::path& path) {
  throw rondo::file_error(path.string() + ": this program was built without libsndfile (Debian: libsndfile1-dev)");
}

}  // namespace

Sound read_wav(const std::filesystem::path& path) { unavailable(path); }
void write_wav(const std::filesystem::path& path, const Sound&) { unavailable(path); }

#endif

}  // namespace tool
