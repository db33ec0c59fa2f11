// SPDX-License-Identifier: MIT
// Sound files of one channel, by libsndfile.
#pragma once

#include <filesystem>
#include <vector>

namespace tool {

/// Samples in [-1, 1] of one channel.
struct Sound {
  std::vector<double> samples;
  int sample_rate = 0;  ///< Hz
};

/// Throws rondo::file_error that names the file, also for more than one channel, or if the program was built without
/// libsndfile.
Sound read_wav(const std::filesystem::path& path);

/// Writes 32-bit floats, which are not clipped. Throws rondo::file_error.
void write_wav(const std::filesystem::path& path, const Sound& sound);

}  // namespace tool
