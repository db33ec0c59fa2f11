// SPDX-License-Identifier: MIT
// The semantics of one voice: it keeps the time, the accidentals and the open spans (ties, tuplets, slurs, hairpins,
// pedal), and writes notes and marks into bars. Errors within a voice are detected here; parse_abc checks the length of
// bars and the agreement of voices.
#pragma once

#include "piano/notation/abc_cursor.hpp"
#include "piano/notation/abc_error.hpp"
#include "piano/notation/abc_key.hpp"
#include "piano/notation/written_bar.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace piano::detail {

struct Decorations {
  Articulation articulation = Articulation::normal;
  bool accent = false, fermata = false;
};

class VoiceWriter {
 public:
  VoiceWriter(std::string file, Metre metre, Rational unit, KeySignature key)
      : file_(std::move(file)), metre_(metre), unit_(unit), key_(key) {
    open_bar();
  }

  /// The bars, after the last symbol.
  std::vector<WrittenBar> finish(TextPosition end) {
    if (at_ != Rational()) fail(end, "the last bar is not closed by a bar line");
    if (bar().holds_marks()) fail(end, "a mark after the last bar line");
    if (bar().start_repeat || bar().ending != 0) fail(end, "a repeat that holds no bar");
    require_closed_spans("at the end of the voice");
    bars_.pop_back();
    return std::move(bars_);
  }

  Metre metre() const { return metre_; }

  // ---- notes and rests ----

  /// A note, a chord or, without notes, a rest. `length` is in units.
  void add_event(const std::vector<WrittenNote>& written, Rational length, TextPosition where) {
    if (written.empty() && !ties_.empty()) fail(ties_.front().where, "a tie that leads to a rest");
    length *= unit_ * broken_for_next_.value_or(Rational(1));
    broken_for_next_.reset();
    if (tuplet_.remaining > 0) {
      length *= tuplet_.factor;
      --tuplet_.remaining;
    }

    if (length.denominator() > kFinest || length > kLongest) fail(where, "a length that no score needs");

    const std::vector<OpenTie> arriving = ties_;
    std::vector<bool> continued(arriving.size());
    std::vector<NoteRef> event;
    std::vector<int> pitches;
    for (const WrittenNote& note : written) pitches.push_back(pitch_of(note));
    ties_.clear();
    for (std::size_t n = 0; n < pitches.size(); ++n) {
      for (std::size_t other = 0; other < n; ++other)
        if (pitches[other] == pitches[n]) fail(written[n].where, "a pitch twice in one chord");
      event.push_back(add_note(pitches[n], length, arriving, continued));
      if (written[n].tied) open_tie(written[n], event.back());
    }
    for (std::size_t t = 0; t < arriving.size(); ++t)
      if (!continued[t]) fail(arriving[t].where, "a tie that leads to no note of its pitch");

    if (decorated_) {
      if (written.empty() && (decorations_.accent || decorations_.articulation != Articulation::normal))
        fail(*decorated_, "an articulation on a rest");
      if (decorations_.fermata) bar().fermatas.push_back({at_, length});
      decorations_ = {};
      decorated_.reset();
    }
    last_event_ = std::move(event);
    last_length_ = length;
    last_breakable_ = true;
    at_ += length;
    if (at_.denominator() > kFinest) fail(where, "times too finely divided");
  }

  void add_whole_bar_rests(int count, TextPosition where) {
    if (at_ != Rational()) fail(where, "a rest of whole bars within a bar");
    for (int n = 1; n <= count; ++n) {
      add_event({}, metre_.length() / unit_, where);
      if (n < count) close_bar(where);
    }
  }

  // ---- rhythm over several notes ----

  /// The next `count` events last `factor` times what is written.
  void open_tuplet(Rational factor, int count, TextPosition where) {
    if (tuplet_.remaining > 0) fail(where, "a tuplet within a tuplet");
    tuplet_ = {count, factor, where};
  }

  /// Multiplies the last event by `factor` and the next by 2 - `factor`.
  void break_rhythm(Rational factor, TextPosition where) {
    if (!last_breakable_ || at_ == Rational()) fail(where, "broken rhythm after nothing");
    const Rational change = last_length_ * (factor - Rational(1));
    for (NoteRef ref : last_event_) note_at(ref).duration += change;
    at_ += change;
    last_breakable_ = false;
    broken_for_next_ = Rational(2) - factor;
    broken_where_ = where;
  }

  void open_slur(TextPosition where) { slurs_.push_back(where); }

  void close_slur(TextPosition where) {
    if (slurs_.empty()) fail(where, "a slur that was not opened");
    slurs_.pop_back();
    if (!slurs_.empty()) return;
    for (NoteRef ref : last_event_) {
      ScoreNote& note = note_at(ref);
      if (note.articulation == Articulation::legato) note.articulation = Articulation::normal;
    }
  }

  // ---- marks ----

  /// Adds a decoration to the next event.
  Decorations& decorate(TextPosition where) {
    if (!decorated_) decorated_ = where;
    return decorations_;
  }
  void require_no_decoration() const {
    if (decorated_) fail(*decorated_, "decoration on nothing");
  }

  void mark_level(Level level) { bar().dynamics.push_back({at_, level}); }
  void mark_tempo(double quarters_per_minute) { bar().tempos.push_back({at_, quarters_per_minute}); }

  void open_hairpin(bool louder, TextPosition where) {
    if (hairpin_) fail(where, "a hairpin within a hairpin");
    hairpin_ = {bars_.size() - 1, at_, louder, where};
  }

  void close_hairpin(bool louder, TextPosition where) {
    if (!hairpin_ || hairpin_->louder != louder) fail(where, "a hairpin that was not opened");
    WrittenBar& first = bars_[hairpin_->bar];
    const Rational end = bar().onset + at_ - first.onset;
    if (end <= hairpin_->onset) fail(where, "a hairpin without length");
    first.hairpins.push_back({hairpin_->onset, end, louder});
    hairpin_.reset();
  }

  void mark_pedal(bool down, TextPosition where) {
    if (!down && !pedal_down_) fail(where, "a pedal that is not down");
    pedal_down_.reset();
    if (down) pedal_down_ = where;
    bar().pedal_marks.push_back({at_, 0, down});
  }

  // ---- changes ----

  void set_unit(Rational unit) { unit_ = unit; }
  void set_key(KeySignature key, TextPosition where) {
    if (at_ != Rational()) fail(where, "a change of key within a bar");
    key_ = key;
  }
  void set_metre(Metre metre, TextPosition where) {
    if (at_ != Rational()) fail(where, "a change of metre within a bar");
    bar().metre = metre_ = metre;
  }

  // ---- bar lines ----

  /// A bar line directly after another is merged with it, if it adds a repeat or an ending.
  void add_bar_line(bool ends_repeat, bool starts_repeat, bool starts_ending, TextPosition where) {
    require_no_decoration();
    if (bars_.size() == 1 && at_ == Rational() && !starts_repeat) fail(where, "a bar line before any note");
    if (ends_repeat || starts_repeat) require_closed_spans("at a repeat sign");
    if (at_ != Rational()) {
      close_bar(where);
      bars_[bars_.size() - 2].end_repeat = ends_repeat;
    } else if (ends_repeat || !(starts_repeat || starts_ending)) {
      fail(where, "an empty bar");
    }
    bar().start_repeat = bar().start_repeat || starts_repeat;
  }

  void start_ending(int number, TextPosition where) {
    require_closed_spans("at an ending");
    if (number > 2 || at_ != Rational() || bar().ending != 0) fail(where, "an ending that cannot stand here");
    bar().ending = number;
  }

 private:
  struct NoteRef {
    std::size_t bar, index;
  };
  struct OpenTie {
    NoteRef note;
    std::pair<char, int> key;
    int pitch;
    TextPosition where;
  };
  struct OpenHairpin {
    std::size_t bar;
    Rational onset;  // within that bar
    bool louder;
    TextPosition where;
  };
  struct Tuplet {
    int remaining = 0;
    Rational factor;
    TextPosition where;
  };

  // Bounds within which exact arithmetic cannot overflow.
  static constexpr std::int64_t kFinest = 1 << 16;   // denominator of a time in quarter notes
  static constexpr std::int64_t kLongest = 1 << 10;  // quarter notes in one event

  [[noreturn]] void fail(TextPosition where, const std::string& message) const {
    throw AbcError(file_, where, message);
  }

  ScoreNote& note_at(NoteRef ref) { return bars_[ref.bar].notes[ref.index]; }

  void open_tie(const WrittenNote& note, NoteRef ref) {
    ties_.push_back({ref, note.key(), note_at(ref).pitch, note.tied_at});
  }

  int pitch_of(const WrittenNote& note) {
    static constexpr int semitone[] = {9, 11, 0, 2, 4, 5, 7};  // A .. G above C
    const auto letter = static_cast<std::size_t>(note.letter - 'A');
    const int natural = 60 + 12 * note.octave + semitone[letter];
    int pitch = natural;
    if (note.accidental) {
      pitch += accidentals_[note.key()] = *note.accidental;
    } else if (const OpenTie* tie = open_tie_of(note.key())) {
      pitch = tie->pitch;  // a tie keeps its accidental across the bar line
    } else if (const auto found = accidentals_.find(note.key()); found != accidentals_.end()) {
      pitch += found->second;
    } else {
      pitch += key_[letter];
    }
    if (pitch < 21 || pitch > 108) fail(note.where, "a pitch outside the piano");
    return pitch;
  }

  const OpenTie* open_tie_of(std::pair<char, int> key) const {
    for (const OpenTie& tie : ties_)
      if (tie.key == key) return &tie;
    return nullptr;
  }

  NoteRef add_note(int pitch, Rational length, const std::vector<OpenTie>& arriving, std::vector<bool>& continued) {
    for (std::size_t t = 0; t < arriving.size(); ++t) {
      if (arriving[t].pitch != pitch || continued[t]) continue;
      continued[t] = true;
      const NoteRef ref = arriving[t].note;
      note_at(ref).duration += length;
      return ref;
    }
    ScoreNote note;
    note.onset = at_;
    note.duration = length;
    note.pitch = pitch;
    note.articulation = decorations_.articulation;
    if (!slurs_.empty() && note.articulation == Articulation::normal) note.articulation = Articulation::legato;
    note.accent = decorations_.accent;
    bar().notes.push_back(note);
    return {bars_.size() - 1, bar().notes.size() - 1};
  }

  WrittenBar& bar() { return bars_.back(); }

  void open_bar() {
    const Rational onset = bars_.empty() ? Rational() : bar().onset + bar().length;
    bars_.emplace_back();
    bar().onset = onset;
    bar().metre = metre_;
    at_ = Rational();
    accidentals_.clear();
    last_breakable_ = false;
  }

  void close_bar(TextPosition where) {
    if (tuplet_.remaining > 0) fail(tuplet_.where, "a tuplet cut off by the bar line");
    if (broken_for_next_) fail(broken_where_, "broken rhythm without a second note");
    bar().length = at_;
    bar().end = where;
    open_bar();
    if (bar().onset.denominator() > kFinest) fail(where, "times too finely divided");
  }

  void require_closed_spans(const std::string& where) const {
    if (!ties_.empty()) fail(ties_.front().where, "a tie still open " + where);
    if (!slurs_.empty()) fail(slurs_.back(), "a slur still open " + where);
    if (hairpin_) fail(hairpin_->where, "a hairpin still open " + where);
    if (pedal_down_) fail(*pedal_down_, "a pedal still down " + where);
  }

  std::string file_;
  Metre metre_;
  Rational unit_;  // quarter notes
  KeySignature key_;

  std::vector<WrittenBar> bars_;  // the last is open
  Rational at_;                   // time in the open bar
  std::map<std::pair<char, int>, int> accidentals_;
  std::vector<NoteRef> last_event_;
  Rational last_length_;
  bool last_breakable_ = false;

  std::vector<OpenTie> ties_;
  std::vector<TextPosition> slurs_;
  Tuplet tuplet_;
  std::optional<Rational> broken_for_next_;
  TextPosition broken_where_;
  Decorations decorations_;
  std::optional<TextPosition> decorated_;  // position of the first pending decoration
  std::optional<OpenHairpin> hairpin_;
  std::optional<TextPosition> pedal_down_;
};

}  // namespace piano::detail
