// SPDX-License-Identifier: MIT
// Reads the music of one voice, line by line, into bars as they are written. What a voice can know by itself is checked
// here: notes, accidentals, ties, tuplets, slurs, hairpins, pedal. The length of bars and the agreement of voices are
// checked by parse_abc, which sees them all.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rondo/music/score/abc_error.hpp>
#include <rondo/music/score/abc_fields.hpp>
#include <rondo/music/score/abc_key.hpp>
#include <rondo/music/score/score.hpp>

namespace rondo::inline v0::music::detail {

/// A bar as written. Times of what it holds count from its own beginning.
struct WrittenBar {
  Rational onset;   // from the beginning of the voice
  Rational length;  // what it really holds
  Metre metre;
  TextPosition end;  // of its closing bar line
  bool start_repeat = false;
  bool end_repeat = false;
  int ending = 0;  // 1 or 2 in the first bar of an ending
  std::vector<ScoreNote> notes;
  std::vector<DynamicMark> dynamics;
  std::vector<Hairpin> hairpins;
  std::vector<TempoMark> tempos;
  std::vector<Fermata> fermatas;
  std::vector<PedalMark> pedal_marks;

  bool holds_marks() const { return !(dynamics.empty() && tempos.empty() && pedal_marks.empty()); }
};

class VoiceReader {
 public:
  VoiceReader(std::string file, Metre metre, Rational unit, KeySignature key)
      : file_(std::move(file)), metre_(metre), unit_(unit), key_(key) {
    open_bar();
  }

  /// Reads one line of music. `where` is the place of its first character.
  void read(std::string_view text, TextPosition where) {
    text_ = text;
    origin_ = where;
    next_ = 0;
    while (skip_blanks(), next_ < text_.size() && text_[next_] != '%') read_item();
    if (accidental_or_decoration_pending()) fail(pending_where_, "decoration on nothing");
  }

  /// The bars, once all lines are read.
  std::vector<WrittenBar> finish(TextPosition end) {
    if (at_ != Rational()) fail(end, "the last bar is not closed by a bar line");
    if (bars_.back().holds_marks()) fail(end, "a mark after the last bar line");
    if (bars_.back().start_repeat || bars_.back().ending != 0) fail(end, "a repeat that holds no bar");
    require_closed_spans("at the end of the voice");
    bars_.pop_back();
    return std::move(bars_);
  }

 private:
  struct NoteRef {
    std::size_t bar, index;
  };
  struct WrittenNote {
    char letter = 'C';
    int octave = 0;  // 0 for capital letters without marks: C is middle C
    std::optional<int> accidental;
    bool tied = false;
    TextPosition where;
    std::pair<char, int> key() const { return {letter, octave}; }
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
  struct Decorations {
    Articulation articulation = Articulation::normal;
    bool accent = false, fermata = false;
  };

  // Bounds under which exact arithmetic cannot overflow.
  static constexpr std::int64_t kFinest = 1 << 16;   // denominator of a time in quarter notes
  static constexpr std::int64_t kLongest = 1 << 10;  // quarter notes in one event

  [[noreturn]] void fail(TextPosition where, const std::string& message) const {
    throw AbcError(file_, where, message);
  }
  TextPosition here() const { return {origin_.line, origin_.column + static_cast<int>(next_)}; }
  char peek(std::size_t ahead = 0) const { return next_ + ahead < text_.size() ? text_[next_ + ahead] : '\0'; }
  bool take(std::string_view expected) {
    if (!text_.substr(next_).starts_with(expected)) return false;
    next_ += expected.size();
    return true;
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++next_;
  }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_letter(char c) { return (c >= 'A' && c <= 'G') || (c >= 'a' && c <= 'g'); }
  static bool begins_note(char c) { return is_letter(c) || c == '^' || c == '_' || c == '='; }
  bool accidental_or_decoration_pending() const { return decorated_; }

  void read_item() {
    const TextPosition where = here();
    const char c = peek();
    if (begins_note(c)) {
      const WrittenNote note = read_note();
      const Rational length = read_length();
      add_event({note}, length, where);
      read_tie_of_event(note);
    } else if (c == '[') {
      read_bracket(where);
    } else if (c == '|' || c == ':') {
      read_bar_line(where);
    } else if (c == 'z' || c == 'x') {
      ++next_;
      add_event({}, read_length(), where);
    } else if (c == 'Z') {
      read_whole_bar_rest(where);
    } else if (c == '!') {
      read_decoration(where);
    } else if (c == '.') {
      ++next_;
      decorate(where).articulation = Articulation::staccato;
    } else if (c == '(' && is_digit(peek(1))) {
      read_tuplet(where);
    } else if (c == '(') {
      ++next_;
      slurs_.push_back(where);
    } else if (c == ')') {
      ++next_;
      close_slur(where);
    } else if (c == '>' || c == '<') {
      read_broken_rhythm(where);
    } else if (c == '-') {
      fail(where, "tie on nothing");
    } else {
      fail(where, std::string("unknown construct '") + c + "'");
    }
  }

  // ---- notes, chords, rests ----

  WrittenNote read_note() {
    WrittenNote note;
    note.where = here();
    if (take("^^"))
      note.accidental = 2;
    else if (take("^"))
      note.accidental = 1;
    else if (take("__"))
      note.accidental = -2;
    else if (take("_"))
      note.accidental = -1;
    else if (take("="))
      note.accidental = 0;
    if (!is_letter(peek())) fail(note.where, "accidental on nothing");
    const char letter = text_[next_++];
    note.octave = letter >= 'a' ? 1 : 0;
    note.letter = letter >= 'a' ? static_cast<char>(letter - 'a' + 'A') : letter;
    while (peek() == '\'' || peek() == ',') note.octave += text_[next_++] == '\'' ? 1 : -1;
    return note;
  }

  // `3`, `/`, `//`, `/4`, `3/2`: a multiple of the unit length
  Rational read_length() {
    const int top = is_digit(peek()) ? read_number() : 1;
    int bottom = 1;
    if (take("/")) {
      bottom = 2;
      if (is_digit(peek()))
        bottom = read_number();
      else
        while (bottom < 64 && take("/")) bottom *= 2;
    }
    return {top, bottom};
  }

  int read_number() {
    const TextPosition where = here();
    const std::size_t begin = next_;
    while (is_digit(peek())) ++next_;
    const auto number = parse_count(text_.substr(begin, next_ - begin));
    if (!number) fail(where, "a number outside 1..9999");
    return *number;
  }

  void read_tie_of_event(const WrittenNote& note) {
    const TextPosition where = here();
    if (take("-")) open_tie(note, last_event_.back(), where);
  }

  void open_tie(const WrittenNote& note, NoteRef ref, TextPosition where) {
    ties_.push_back({ref, note.key(), bars_[ref.bar].notes[ref.index].pitch, where});
  }

  int pitch_of(const WrittenNote& note) {
    static constexpr int semitone[] = {9, 11, 0, 2, 4, 5, 7};  // A .. G above C
    const auto letter = static_cast<std::size_t>(note.letter - 'A');
    const int natural = 60 + 12 * note.octave + semitone[letter];
    int pitch = natural;
    if (note.accidental) {
      pitch += accidentals_[note.key()] = *note.accidental;
    } else if (const OpenTie* tie = open_tie_of(note.key())) {
      pitch = tie->pitch;  // a tie carries its accidental over the bar line
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

  // A rest is an event without notes. `length` is in units.
  void add_event(const std::vector<WrittenNote>& written, Rational length, TextPosition where) {
    if (written.empty() && !ties_.empty()) fail(ties_.front().where, "a tie that leads to a rest");
    if (broken_for_next_ && written.empty() && at_ == Rational()) fail(where, "broken rhythm over a bar line");
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
      if (written[n].tied) open_tie(written[n], event.back(), written[n].where);
    }
    for (std::size_t t = 0; t < arriving.size(); ++t)
      if (!continued[t]) fail(arriving[t].where, "a tie that leads to no note of its pitch");

    if (decorated_) {
      if (written.empty() && (decorations_.accent || decorations_.articulation != Articulation::normal))
        fail(pending_where_, "an articulation on a rest");
      if (decorations_.fermata) bar().fermatas.push_back({at_, length});
      decorations_ = {};
      decorated_ = false;
    }
    last_event_ = std::move(event);
    last_length_ = length;
    last_breakable_ = true;
    at_ += length;
    if (at_.denominator() > kFinest) fail(where, "times too finely divided");
  }

  NoteRef add_note(int pitch, Rational length, const std::vector<OpenTie>& arriving, std::vector<bool>& continued) {
    for (std::size_t t = 0; t < arriving.size(); ++t) {
      if (arriving[t].pitch != pitch || continued[t]) continue;
      continued[t] = true;
      const NoteRef ref = arriving[t].note;
      bars_[ref.bar].notes[ref.index].duration += length;
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

  void read_chord(TextPosition where) {
    std::vector<WrittenNote> notes;
    std::optional<Rational> inner;
    while (skip_blanks(), !take("]")) {
      if (!begins_note(peek())) fail(where, "a chord that is not closed");
      WrittenNote note = read_note();
      const TextPosition length_where = here();
      const Rational length = read_length();
      if (inner && *inner != length) fail(length_where, "notes of different length in one chord");
      inner = length;
      note.tied = take("-");
      notes.push_back(note);
    }
    if (notes.empty()) fail(where, "an empty chord");
    const Rational length = *inner * read_length();
    const bool all_tied = take("-");
    for (WrittenNote& note : notes) {
      if (all_tied && note.tied) fail(note.where, "a tie within a chord that is tied as a whole");
      note.tied = note.tied || all_tied;
    }
    add_event(notes, length, where);
  }

  void read_whole_bar_rest(TextPosition where) {
    ++next_;
    const int count = is_digit(peek()) ? read_number() : 1;
    if (at_ != Rational()) fail(where, "a rest of whole bars within a bar");
    for (int n = 1; n <= count; ++n) {
      add_event({}, metre_.length() / unit_, where);
      if (n < count) close_bar(where);
    }
  }

  // ---- rhythm over several notes ----

  void read_tuplet(TextPosition where) {
    if (tuplet_.remaining > 0) fail(where, "a tuplet within a tuplet");
    ++next_;
    const int p = read_number();
    int q = 0, r = p;
    if (take(":")) {
      if (is_digit(peek())) q = read_number();
      if (take(":") && is_digit(peek())) r = read_number();
    }
    if (q == 0) {
      static constexpr int usual[] = {0, 0, 3, 2, 3, 0, 2, 0, 3, 0};  // ABC 2.1, section 4.13; 0: by the metre
      if (p < 2 || p > 9) fail(where, "a tuplet outside (2 .. (9 needs its time: (p:q");
      q = usual[p] != 0 ? usual[p] : metre_.compound() ? 3 : 2;
    }
    tuplet_ = {r, Rational(q, p), where};
  }

  void read_broken_rhythm(TextPosition where) {
    const char sign = peek();
    int count = 0;
    for (; peek() == sign; ++next_) ++count;
    if (!last_breakable_ || at_ == Rational()) fail(where, "broken rhythm after nothing");
    if (count > 3) fail(where, "broken rhythm of more than three signs");
    const Rational shorter(1, 1 << count), longer = Rational(2) - shorter;
    const Rational change = last_length_ * ((sign == '>' ? longer : shorter) - Rational(1));
    for (NoteRef ref : last_event_) bars_[ref.bar].notes[ref.index].duration += change;
    at_ += change;
    last_breakable_ = false;
    broken_for_next_ = sign == '>' ? shorter : longer;
    broken_where_ = where;
  }

  void close_slur(TextPosition where) {
    if (slurs_.empty()) fail(where, "a slur that was not opened");
    slurs_.pop_back();
    if (!slurs_.empty()) return;
    for (NoteRef ref : last_event_) {
      ScoreNote& note = bars_[ref.bar].notes[ref.index];
      if (note.articulation == Articulation::legato) note.articulation = Articulation::normal;
    }
  }

  // ---- marks ----

  Decorations& decorate(TextPosition where) {
    if (!decorated_) pending_where_ = where;
    decorated_ = true;
    return decorations_;
  }

  void read_decoration(TextPosition where) {
    const auto close = text_.find('!', next_ + 1);
    if (close == text_.npos) fail(where, "a decoration that is not closed");
    const std::string_view name = text_.substr(next_ + 1, close - next_ - 1);
    next_ = close + 1;

    static constexpr std::string_view levels[] = {"pppp", "ppp", "pp", "p", "mp", "mf", "f", "ff", "fff", "ffff"};
    for (std::size_t level = 0; level < std::size(levels); ++level)
      if (name == levels[level]) {
        bar().dynamics.push_back({at_, static_cast<Level>(level)});
        return;
      }
    if (name == "crescendo(" || name == "<(")
      open_hairpin(true, where);
    else if (name == "diminuendo(" || name == ">(")
      open_hairpin(false, where);
    else if (name == "crescendo)" || name == "<)")
      close_hairpin(true, where);
    else if (name == "diminuendo)" || name == ">)")
      close_hairpin(false, where);
    else if (name == "ped")
      mark_pedal(true, where);
    else if (name == "ped-up")
      mark_pedal(false, where);
    else if (name == "fermata")
      decorate(where).fermata = true;
    else if (name == "accent" || name == ">")
      decorate(where).accent = true;
    else if (name == "tenuto")
      decorate(where).articulation = Articulation::tenuto;
    else
      fail(where, "unknown decoration !" + std::string(name) + "!");
  }

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

  // ---- bars ----

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

  void read_bar_line(TextPosition where) {
    if (decorated_) fail(pending_where_, "decoration on nothing");
    bool ends = false, starts = false;
    if (take(":|:") || take("::"))
      ends = starts = true;
    else if (take(":|]") || take(":|"))
      ends = true;
    else if (take("|:"))
      starts = true;
    else if (!(take("|]") || take("||") || take("|")))
      fail(where, "unknown bar line");
    if (bars_.size() == 1 && at_ == Rational() && !starts) fail(where, "a bar line before any note");
    if (ends || starts) require_closed_spans("at a repeat sign");
    if (at_ != Rational()) {
      close_bar(where);
      bars_[bars_.size() - 2].end_repeat = ends;
    } else if (ends || !(starts || is_digit(peek()))) {
      fail(where, "an empty bar");
    }
    bar().start_repeat = bar().start_repeat || starts;
    if (is_digit(peek())) read_ending();
  }

  void read_ending() {
    const TextPosition where = here();
    require_closed_spans("at an ending");
    const int number = read_number();
    if (number > 2 || at_ != Rational() || bar().ending != 0) fail(where, "an ending that cannot stand here");
    bar().ending = number;
  }

  void require_closed_spans(const std::string& where) const {
    if (!ties_.empty()) fail(ties_.front().where, "a tie still open " + where);
    if (!slurs_.empty()) fail(slurs_.back(), "a slur still open " + where);
    if (hairpin_) fail(hairpin_->where, "a hairpin still open " + where);
    if (pedal_down_) fail(*pedal_down_, "a pedal still down " + where);
  }

  void read_bracket(TextPosition where) {
    ++next_;
    if (is_digit(peek())) return read_ending();
    if (peek(1) != ':') return read_chord(where);
    const char field = peek();
    const auto close = text_.find(']', next_);
    if (close == text_.npos) fail(where, "a field that is not closed");
    const std::string_view value = trim(text_.substr(next_ + 2, close - next_ - 2));
    next_ = close + 1;
    if (field == 'Q') {
      const auto tempo = parse_tempo(value);
      if (!tempo) fail(where, "a tempo that cannot be read: " + std::string(value));
      bar().tempos.push_back({at_, *tempo});
    } else if (field == 'L') {
      const auto unit = parse_note_length(value);
      if (!unit) fail(where, "a note length that cannot be read: " + std::string(value));
      unit_ = *unit;
    } else if (field == 'K') {
      const auto key = parse_key(value);
      if (!key) fail(where, "unknown key " + std::string(value));
      if (at_ != Rational()) fail(where, "a change of key within a bar");
      key_ = *key;
    } else if (field == 'M') {
      const auto metre = parse_metre(value);
      if (!metre) fail(where, "unknown metre " + std::string(value));
      if (at_ != Rational()) fail(where, "a change of metre within a bar");
      bar().metre = metre_ = *metre;
    } else {
      fail(where, std::string("unknown inline field ") + field + ":");
    }
  }

  std::string file_;
  std::string_view text_;  // the line being read
  TextPosition origin_;
  std::size_t next_ = 0;  // first character not yet read

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
  bool decorated_ = false;
  TextPosition pending_where_;
  std::optional<OpenHairpin> hairpin_;
  std::optional<TextPosition> pedal_down_;
};

}  // namespace rondo::inline v0::music::detail
