// SPDX-License-Identifier: MIT
// A track: its events in order of time, the payloads of meta and system-exclusive events, and the time of its end.
#pragma once

#include <rondo/midi/event.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace rondo::inline v0::midi {

/// A track of a MIDI file.
class Track {
 public:
  std::vector<Event> events;  ///< in order of time, without end-of-track
  Ticks end{};                ///< time of end-of-track, not before the last event

  /// Appends a channel event and extends `end` to it.
  void add(const Event& event) {
    events.push_back(event);
    end = std::max(end, event.time);
  }

  /// Appends a meta event of any type except end-of-track, which `end` represents.
  void add_meta(Ticks time, std::uint8_t type, std::span<const std::uint8_t> bytes) {
    add({time, 0xFF, type, 0, store(bytes)});
  }
  /// Appends a meta event of a text type, e.g. meta::kTrackName.
  void add_text(Ticks time, std::uint8_t type, std::string_view text) {
    add_meta(time, type, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }

  /// Appends a system-exclusive event. kind: Kind::sysex or Kind::escape; bytes: without the leading F0, with the final
  /// F7, if any.
  void add_sysex(Ticks time, Kind kind, std::span<const std::uint8_t> bytes) {
    add({time, static_cast<std::uint8_t>(kind), 0, 0, store(bytes)});
  }

  /// Payload of a meta or system-exclusive event of this track; empty for a channel event.
  std::span<const std::uint8_t> payload(const Event& event) const {
    if (event.is_channel() || event.payload >= payload_ends_.size()) return {};
    const std::size_t first = event.payload == 0 ? 0 : payload_ends_[event.payload - 1];
    return std::span(payload_bytes_).subspan(first, payload_ends_[event.payload] - first);
  }
  /// Payload of an event of this track as text.
  std::string_view text(const Event& event) const {
    const auto bytes = payload(event);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// Compares the contents; indices of payloads do not matter.
  friend bool operator==(const Track& a, const Track& b) {
    const auto same = [&](const Event& x, const Event& y) {
      const auto in_a = a.payload(x), in_b = b.payload(y);
      return x.time == y.time && x.status == y.status && x.data1 == y.data1 && x.data2 == y.data2 &&
             std::equal(in_a.begin(), in_a.end(), in_b.begin(), in_b.end());
    };
    return a.end == b.end && std::equal(a.events.begin(), a.events.end(), b.events.begin(), b.events.end(), same);
  }

 private:
  std::uint32_t store(std::span<const std::uint8_t> bytes) {
    payload_bytes_.insert(payload_bytes_.end(), bytes.begin(), bytes.end());
    payload_ends_.push_back(payload_bytes_.size());
    return static_cast<std::uint32_t>(payload_ends_.size() - 1);
  }

  // All payloads, concatenated; payload k is the bytes from ends[k - 1] (or 0) to ends[k].
  std::vector<std::uint8_t> payload_bytes_;
  std::vector<std::size_t> payload_ends_;
};

}  // namespace rondo::inline v0::midi
