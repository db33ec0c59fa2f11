// SPDX-License-Identifier: MIT
// MIDI files written byte by byte, so that tests of the reader do not depend on the writer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include <rondo/midi/reader.hpp>

namespace bytes {

using Bytes = std::vector<std::uint8_t>;

inline const Bytes kEnd{0x00, 0xFF, 0x2F, 0x00};
inline const Bytes kNote{0x00, 0x90, 60, 64, 0x60, 0x80, 60, 0};  // middle C for 96 ticks

inline Bytes join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

inline Bytes big_endian(std::uint32_t value, int size) {
  Bytes out;
  for (int k = size - 1; k >= 0; --k) out.push_back(static_cast<std::uint8_t>(value >> 8 * k));
  return out;
}

inline Bytes text(std::string_view characters) { return {characters.begin(), characters.end()}; }

/// 14 bytes.
inline Bytes header(std::uint32_t format, std::uint32_t tracks, std::uint32_t division = 96) {
  return join({text("MThd"), big_endian(6, 4), big_endian(format, 2), big_endian(tracks, 2), big_endian(division, 2)});
}

/// A chunk: 8 bytes and the content, which must end with kEnd where a test requires it.
inline Bytes chunk(std::string_view id, const Bytes& content) {
  return join({text(id), big_endian(static_cast<std::uint32_t>(content.size()), 4), content});
}
inline Bytes track(const Bytes& content) { return chunk("MTrk", content); }

/// Format 0; its events start at byte 22.
inline Bytes one_track(const Bytes& events) { return join({header(0, 1), track(join({events, kEnd}))}); }

/// Whether there is a diagnostic at this offset and track that contains `about`.
inline bool has_diagnostic(const rondo::midi::ReadResult& result, std::size_t offset, int track,
                           std::string_view about) {
  return std::any_of(result.diagnostics.begin(), result.diagnostics.end(), [&](const rondo::midi::Diagnostic& d) {
    return d.offset == offset && d.track == track && d.message.find(about) != std::string::npos;
  });
}

}  // namespace bytes
