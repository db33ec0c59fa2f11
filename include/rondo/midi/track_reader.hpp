// SPDX-License-Identifier: MIT
// Lenient parser of the events of one track chunk: it keeps what it can parse, reports every deviation from the
// standard, and never reads beyond the limit. See docs/06-midi-and-tokens.md.
#pragma once

#include <rondo/midi/diagnostic.hpp>
#include <rondo/midi/meta.hpp>
#include <rondo/midi/track.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rondo::inline v0::midi::detail {

inline constexpr std::uint32_t kMaxDelta = 0x0FFF'FFFF;  ///< the largest number that a variable-length quantity holds

class TrackReader {
 public:
  /// Reads from `position` in `file`; `index` is that of the track, for diagnostics.
  TrackReader(std::span<const std::uint8_t> file, std::size_t position, int index, Track& track, Diagnostics& found)
      : file_(file), position_(position), index_(index), track_(track), found_(found) {}

  /// Reads complete events below `limit` (at most the size of the file). Returns true at the end of the track. Returns
  /// false if the next event does not fit: position() is its start, and reading may continue with a larger limit.
  bool read(std::size_t limit);

  std::size_t position() const { return position_; }

 private:
  // Read position within an event. Reading past `end` sets `cut` and returns zeros.
  struct Cursor {
    const std::uint8_t* at;
    const std::uint8_t* end;
    bool cut = false;

    std::uint8_t byte() { return at != end ? *at++ : (cut = true, std::uint8_t{0}); }
    std::size_t left() const { return static_cast<std::size_t>(end - at); }
  };

  std::size_t offset(const std::uint8_t* at) const { return static_cast<std::size_t>(at - file_.data()); }
  void read_plain_events(Cursor& in);
  std::uint32_t quantity(Cursor& in);
  std::uint8_t data_byte(Cursor& in);
  bool read_channel(Cursor& in, Ticks time, std::uint8_t status, std::size_t at);
  bool read_payload(Cursor& in, Ticks time, std::uint8_t status, bool& ended);

  std::span<const std::uint8_t> file_;
  std::size_t position_;
  int index_;
  Track& track_;
  Diagnostics& found_;

  std::uint8_t running_ = 0;   // status of the last channel event; 0 before the first
  bool stale_ = false;         // after a meta or system-exclusive event, which ends running status in the standard
  std::uint32_t carried_ = 0;  // delta time of dropped events
};

inline bool TrackReader::read(std::size_t limit) {
  const std::uint8_t* const end = file_.data() + limit;
  Cursor in{file_.data() + position_, end};
  bool ended = false;
  while (true) {
    read_plain_events(in);
    if (in.at == end || ended) break;
    const std::uint8_t* const first = in.at;
    // The sum of the delta times around dropped events saturates, so that the result can be written.
    const std::uint32_t delta = std::min(quantity(in) + carried_, kMaxDelta);
    const Ticks time = track_.end + Ticks{delta};

    const std::uint8_t* const status_at = in.at;
    std::uint8_t status = in.byte();
    bool has_status = true;
    if (status < 0x80 && !in.cut) {
      if (running_ != 0) {
        --in.at;
        status = running_;
        has_status = false;
        if (stale_) found_.add(offset(status_at), index_, "running status after a meta or system-exclusive event");
        stale_ = false;
      } else {
        while (in.at != end && *in.at < 0x80) ++in.at;
        found_.add(offset(status_at), index_, in.at - status_at, " data bytes before any status byte, skipped");
        status = in.byte();
      }
    }

    bool whole = false;
    if (in.cut) {
      // incomplete
    } else if (status < 0xF0) {
      whole = read_channel(in, time, status, offset(in.at) - has_status);
    } else if (status == 0xFF || status == 0xF0 || status == 0xF7) {
      whole = read_payload(in, time, status, ended);
    } else {  // realtime and common messages are not allowed in files
      const std::size_t follow = status == 0xF2 ? 2 : status == 0xF1 || status == 0xF3 ? 1 : 0;
      whole = follow <= in.left();
      if (whole) {
        in.at += follow;
        carried_ = delta;
        found_.add(offset(status_at), index_, "system message ", status, " does not belong in a file, dropped");
      }
    }
    if (!whole) {
      position_ = offset(first);
      return false;
    }
  }
  position_ = offset(in.at);
  return ended;
}

// Nearly all events are valid notes and controllers with a delta of one or two bytes, with or without a status byte.
// Branches on these would be unpredictable, so such events are read without branches, up to the first other event:
// twice as fast as the general code.
inline void TrackReader::read_plain_events(Cursor& in) {
  constexpr std::size_t kLongest = 5;
  if (carried_ != 0 || stale_) return;
  unsigned running = running_;
  while (in.left() >= kLongest) {
    const std::uint8_t* at = in.at;
    const unsigned two = at[0] >> 7;  // whether the delta has a second byte; in masks below 0 or all bits
    const unsigned delta = (at[0] & 0x7Fu) << 7 * two | (at[1] & 0x7Fu & -two);
    const unsigned third = at[1] & 0x80u & -two;
    at += 1 + two;
    const unsigned own = at[0] >> 7;  // whether there is a status byte
    const unsigned status = running ^ ((running ^ at[0]) & -own);
    const auto event_offset = static_cast<std::uint32_t>(offset(at));
    at += own;
    const bool note_or_control = status - 0x80 < 0x40;
    if (!note_or_control || ((third | at[0] | at[1]) & 0x80u) != 0) break;
    track_.end += Ticks{delta};
    track_.events.push_back({track_.end, static_cast<std::uint8_t>(status), at[0], at[1], event_offset});
    running = status;
    in.at = at + 2;
  }
  running_ = static_cast<std::uint8_t>(running);
}

inline std::uint32_t TrackReader::quantity(Cursor& in) {
  std::uint8_t byte = in.byte();
  if (byte < 0x80) return byte;
  const std::uint8_t* const first = in.at - 1;
  std::uint32_t value = byte & 0x7F;
  do {
    byte = in.byte();
    value = value > kMaxDelta >> 7 ? kMaxDelta : value << 7 | (byte & 0x7F);
  } while (byte >= 0x80);
  if (!in.cut && in.at - first > 4) {
    found_.add(offset(first), index_, "variable-length quantity of ", in.at - first, " bytes, taken as ", value);
  }
  return value;
}

// A byte above 127 in place of a data byte is read as data out of range, not as a status byte: files with such bytes
// are then parsed correctly from the next event on.
inline std::uint8_t TrackReader::data_byte(Cursor& in) {
  const std::uint8_t byte = in.byte();
  if (byte < 0x80) return byte;
  found_.add(offset(in.at) - 1, index_, "data byte ", byte, " of a channel event, taken as 127");
  return 127;
}

inline bool TrackReader::read_channel(Cursor& in, Ticks time, std::uint8_t status, std::size_t at) {
  const bool two = data_bytes(status) == 2;
  if (in.left() < (two ? 2u : 1u)) return false;
  const std::uint8_t data1 = data_byte(in);
  const std::uint8_t data2 = two ? data_byte(in) : std::uint8_t{0};
  track_.events.push_back({time, status, data1, data2, static_cast<std::uint32_t>(at)});
  track_.end = time;
  running_ = status;
  stale_ = false;
  carried_ = 0;
  return true;
}

inline bool TrackReader::read_payload(Cursor& in, Ticks time, std::uint8_t status, bool& ended) {
  const std::size_t at = offset(in.at) - 1;
  const std::uint8_t type = status == 0xFF ? in.byte() : std::uint8_t{0};
  const std::uint32_t size = quantity(in);
  if (in.cut || size > in.left()) return false;
  const std::span payload(in.at, size);
  in.at += size;
  carried_ = 0;
  stale_ = running_ != 0;
  if (status != 0xFF) {
    track_.add_sysex(time, static_cast<Kind>(status), payload);
  } else if (type == meta::kEndOfTrack) {
    if (size != 0) found_.add(at, index_, "end of track with a payload of ", size, " bytes");
    track_.end = time;
    ended = true;
  } else {
    if (const char* fault = meta_fault(type, payload)) found_.add(at, index_, fault);
    track_.add_meta(time, type, payload);
  }
  return true;
}

}  // namespace rondo::inline v0::midi::detail
