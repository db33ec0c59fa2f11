// SPDX-License-Identifier: MIT
// The events of one track chunk, read leniently: whatever the bytes are, what can be understood is kept, every
// deviation from the standard is told, and nothing is read beyond the limit. See docs/06-midi-and-tokens.md.
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
  /// Reads from `position` in `file` on; `index` is the track's, for diagnostics.
  TrackReader(std::span<const std::uint8_t> file, std::size_t position, int index, Track& track, Diagnostics& found)
      : file_(file), position_(position), index_(index), track_(track), found_(found) {}

  /// Reads whole events below `limit` (at most the file's size). True: the end of the track came. False: no further
  /// event fits, and position() is where the next one would begin; reading may go on with a larger limit.
  bool read(std::size_t limit);

  std::size_t position() const { return position_; }

 private:
  // Where an event is being read. A step that would pass `end` sets `cut` and reads zeros.
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
  bool read_channel(Cursor& in, Ticks time, std::uint8_t status);
  bool read_payload(Cursor& in, Ticks time, std::uint8_t status, bool& ended);

  std::span<const std::uint8_t> file_;
  std::size_t position_;
  int index_;
  Track& track_;
  Diagnostics& found_;

  std::uint8_t running_ = 0;  // status of the last channel event; 0 before the first
  bool stale_ = false;  // a meta or system-exclusive event has come since: by the standard, running status is over
  std::uint32_t carried_ = 0;  // ticks before events that were dropped
};

inline bool TrackReader::read(std::size_t limit) {
  const std::uint8_t* const end = file_.data() + limit;
  Cursor in{file_.data() + position_, end};
  bool ended = false;
  while (true) {
    read_plain_events(in);
    if (in.at == end || ended) break;
    const std::uint8_t* const first = in.at;
    // Deltas around dropped events saturate together, so that what was read can be written.
    const std::uint32_t delta = std::min(quantity(in) + carried_, kMaxDelta);
    const Ticks time = track_.end + Ticks{delta};

    const std::uint8_t* const status_at = in.at;
    std::uint8_t status = in.byte();
    if (status < 0x80 && !in.cut) {
      if (running_ != 0) {
        --in.at;
        status = running_;
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
      // nothing to read it from
    } else if (status < 0xF0) {
      whole = read_channel(in, time, status);
    } else if (status == 0xFF || status == 0xF0 || status == 0xF7) {
      whole = read_payload(in, time, status, ended);
    } else {  // realtime and common messages belong on the wire, not in files
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

// Nearly all events are notes and controllers without a fault, with a delta of one or two bytes, and with or without a
// status byte. No processor predicts which of these come next, so they are read without a branch, up to the first event
// that is anything else: twice as fast as the general way.
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
    at += own;
    const bool note_or_control = status - 0x80 < 0x40;
    if (!note_or_control || ((third | at[0] | at[1]) & 0x80u) != 0) break;
    track_.end += Ticks{delta};
    track_.events.push_back({track_.end, static_cast<std::uint8_t>(status), at[0], at[1], 0});
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

// A byte beyond 127 where data is due is taken as data out of range: what follows it is framed right in files of that
// kind, which would not be so if it were taken for a status byte.
inline std::uint8_t TrackReader::data_byte(Cursor& in) {
  const std::uint8_t byte = in.byte();
  if (byte < 0x80) return byte;
  found_.add(offset(in.at) - 1, index_, "data byte ", byte, " of a channel event, taken as 127");
  return 127;
}

inline bool TrackReader::read_channel(Cursor& in, Ticks time, std::uint8_t status) {
  const bool two = data_bytes(status) == 2;
  if (in.left() < (two ? 2u : 1u)) return false;
  const std::uint8_t data1 = data_byte(in);
  const std::uint8_t data2 = two ? data_byte(in) : std::uint8_t{0};
  track_.events.push_back({time, status, data1, data2, 0});
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
