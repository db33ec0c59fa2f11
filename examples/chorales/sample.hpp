// SPDX-License-Identifier: MIT
// Continues pieces frame by frame, and writes them as MIDI files.
#pragma once

#include "data.hpp"
#include "frame_model.hpp"

#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>
#include <rondo/music/performance.hpp>
#include <rondo/rondo.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace chorales {

/// Draws the keys of a frame in turn, from the lowest up. z: logits of its K keys without the lower ones; C: weights
/// from the lower ones, K x K.
inline Frame draw_frame(const float* z, rondo::MatrixView<const float> C, rondo::Rng& rng) {
  Frame frame;
  for (int k = 0; k < kPitches; ++k) {
    float logit = z[k];
    for (int j = 0; j < k; ++j)
      if (frame[static_cast<std::size_t>(j)]) logit += C(k, j);
    frame[static_cast<std::size_t>(k)] = rng.uniform() < 1 / (1 + std::exp(-logit));
  }
  return frame;
}

/// The first `given` frames of each piece, which has as many, continued by the model up to `frames` frames.
template <class Device>
std::vector<Piece> continuations(const FrameModel<Device>& model, std::span<const Piece> pieces, std::size_t given,
                                 std::size_t frames, rondo::Rng& rng) {
  std::vector<Piece> outputs;
  for (const Piece& piece : pieces)
    outputs.emplace_back(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(given));
  const auto B = static_cast<rondo::Index>(pieces.size());
  auto state = model.zero_state(B);
  typename FrameModel<Device>::Scratch scratch;
  rondo::Sequence<float> x(kPitches, B, 1);
  typename FrameModel<Device>::Sequence on_device;
  with_host_copy(Device{}, model.chord_weights(), [&](rondo::MatrixView<const float> C) {
    for (std::size_t t = 0; t + 1 < frames; ++t) {
      for (std::size_t b = 0; b < outputs.size(); ++b)
        for (std::size_t k = 0; k < kPitches; ++k)
          x(static_cast<rondo::Index>(k), static_cast<rondo::Index>(b), 0) = outputs[b][t][k] ? 1.0f : 0.0f;
      rondo::transfer(x, on_device);
      const auto logits = model.step(on_device.at(0), state, scratch);
      if (t + 1 < given) continue;
      with_host_copy(Device{}, logits, [&](rondo::MatrixView<const float> z) {
        for (std::size_t b = 0; b < outputs.size(); ++b)
          outputs[b].push_back(draw_frame(z.data + static_cast<rondo::Index>(b) * z.stride, C, rng));
      });
    }
  });
  return outputs;
}

/// Writes a piece, one beat per frame. A key that is active in consecutive frames is one note. Throws
/// std::runtime_error if the file cannot be written.
inline void write_midi(const std::filesystem::path& path, const Piece& piece) {
  constexpr double kBeat = 0.75;  // seconds
  std::vector<rondo::music::Note> notes;
  for (std::size_t k = 0; k < kPitches; ++k)
    for (std::size_t t = 0, end = 0; t < piece.size(); t = end + 1) {
      for (end = t; end < piece.size() && piece[end][k];) ++end;
      if (end > t)
        notes.push_back({.start = {kBeat * static_cast<double>(t)},
                         .end = {kBeat * static_cast<double>(end)},
                         .pitch = static_cast<std::uint8_t>(kLowestPitch + static_cast<int>(k))});
    }
  rondo::midi::write_file(path,
                          rondo::midi::compose(rondo::music::make_performance(std::move(notes)), "Rondo, chorales"));
}

}  // namespace chorales
