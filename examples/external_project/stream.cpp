// SPDX-License-Identifier: MIT
// The second file of the program: inference sample by sample, and a MIDI file of the result.
#include "stream.hpp"

#include <rondo/layers/streaming.hpp>
#include <rondo/midi/compose.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/midi/writer.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>

float wave(rondo::Index t) { return static_cast<float>(std::sin(0.2 * static_cast<double>(t))); }

double stream(const rondo::Lstm<float>& lstm, const rondo::Linear<float>& readout, int steps, const std::string& path) {
  rondo::StreamingLstm<float, 1> network(lstm, readout);
  rondo::midi::Performance<rondo::midi::Seconds> melody;
  double error = 0;
  for (int t = 0; t < steps; ++t) {
    const float x = wave(t);
    const float y = network.step(std::span<const float, 1>(&x, 1))[0];
    error += std::pow(y - wave(t + 1), 2) / steps;

    const int pitch = 60 + static_cast<int>(std::lround(12 * std::clamp(y, -2.0f, 2.0f)));
    melody.notes.push_back(
        {.start = {0.1 * t}, .end = {0.1 * (t + 1)}, .pitch = static_cast<std::uint8_t>(pitch), .velocity = 80});
  }
  melody.duration = {0.1 * steps};
  rondo::midi::write_file(path, rondo::midi::compose(melody, "next sample"));

  const auto read = rondo::midi::read_file(path);
  if (rondo::midi::extract<rondo::midi::Ticks>(read.file).notes.size() != melody.notes.size())
    throw std::runtime_error(path + ": notes are missing");
  return error;
}
