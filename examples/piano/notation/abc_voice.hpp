// SPDX-License-Identifier: MIT
// Parses the music of one voice, line by line, and passes each symbol to the VoiceWriter.
#pragma once

#include "piano/notation/abc_cursor.hpp"
#include "piano/notation/abc_fields.hpp"
#include "piano/notation/abc_key.hpp"
#include "piano/notation/voice_writer.hpp"

#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace piano::detail {

class VoiceReader {
 public:
  VoiceReader(const std::string& file, Metre metre, Rational unit, KeySignature key)
      : file_(file), writer_(file, metre, unit, key) {}

  /// Reads one line of music. `where` is the position of its first character.
  void read(std::string_view text, TextPosition where) {
    AbcCursor in(file_, text, where);
    while (in.next_item()) read_item(in);
    writer_.require_no_decoration();
  }

  std::vector<WrittenBar> finish(TextPosition end) { return writer_.finish(end); }

 private:
  void read_item(AbcCursor& in) {
    const TextPosition where = in.here();
    if (in.at_note()) return read_single_note(in, where);
    if (in.peek() == '|' || in.peek() == ':') return read_bar_line(in, where);
    if (in.take("[")) return read_bracket(in, where);
    if (in.take("z") || in.take("x")) return writer_.add_event({}, in.read_length(), where);
    if (in.take("Z")) return writer_.add_whole_bar_rests(in.at_digit() ? in.read_number() : 1, where);
    if (in.take("!")) return read_decoration(in, where);
    if (in.take("(")) return in.at_digit() ? read_tuplet(in, where) : writer_.open_slur(where);
    if (in.take(")")) return writer_.close_slur(where);
    if (in.peek() == '>' || in.peek() == '<') return read_broken_rhythm(in, where);
    if (in.peek() == '-') in.fail(where, "tie on nothing");
    if (!in.take(".")) in.fail(where, std::string("unknown construct '") + in.peek() + "'");
    writer_.decorate(where).articulation = Articulation::staccato;
  }

  void read_single_note(AbcCursor& in, TextPosition where) {
    WrittenNote note = in.read_note();
    const Rational length = in.read_length();
    note.tied_at = in.here();
    note.tied = in.take("-");
    writer_.add_event({note}, length, where);
  }

  void read_chord(AbcCursor& in, TextPosition where) {
    std::vector<WrittenNote> notes;
    std::optional<Rational> inner;
    while (in.next_item(), !in.take("]")) {
      if (!in.at_note()) in.fail(where, "a chord that is not closed");
      WrittenNote note = in.read_note();
      const TextPosition length_where = in.here();
      const Rational length = in.read_length();
      if (inner && *inner != length) in.fail(length_where, "notes of different length in one chord");
      inner = length;
      note.tied_at = in.here();
      note.tied = in.take("-");
      notes.push_back(note);
    }
    if (notes.empty()) in.fail(where, "an empty chord");
    const Rational length = *inner * in.read_length();
    const TextPosition tied_at = in.here();
    const bool all_tied = in.take("-");
    for (WrittenNote& note : notes) {
      if (all_tied && note.tied) in.fail(note.where, "a tie within a chord that is tied as a whole");
      if (!all_tied) continue;
      note.tied = true;
      note.tied_at = tied_at;
    }
    writer_.add_event(notes, length, where);
  }

  void read_tuplet(AbcCursor& in, TextPosition where) {
    const int p = in.read_number();
    int q = 0, r = p;
    if (in.take(":")) {
      if (in.at_digit()) q = in.read_number();
      if (in.take(":") && in.at_digit()) r = in.read_number();
    }
    if (q == 0) {
      static constexpr int usual[] = {0, 0, 3, 2, 3, 0, 2, 0, 3, 0};  // ABC 2.1, section 4.13; 0: by the metre
      if (p < 2 || p > 9) in.fail(where, "a tuplet outside (2 .. (9 needs its time: (p:q");
      q = usual[p] != 0 ? usual[p] : writer_.metre().compound() ? 3 : 2;
    }
    writer_.open_tuplet(Rational(q, p), r, where);
  }

  void read_broken_rhythm(AbcCursor& in, TextPosition where) {
    const std::string_view sign = in.peek() == '>' ? ">" : "<";
    int count = 0;
    while (in.take(sign)) ++count;
    if (count > 3) in.fail(where, "broken rhythm of more than three signs");
    const Rational shorter(1, 1 << count);
    writer_.break_rhythm(sign == ">" ? Rational(2) - shorter : shorter, where);
  }

  void read_decoration(AbcCursor& in, TextPosition where) {
    const auto closed = in.take_until('!');
    if (!closed) in.fail(where, "a decoration that is not closed");
    const std::string_view name = *closed;

    static constexpr std::string_view levels[] = {"pppp", "ppp", "pp", "p", "mp", "mf", "f", "ff", "fff", "ffff"};
    for (std::size_t level = 0; level < std::size(levels); ++level)
      if (name == levels[level]) return writer_.mark_level(static_cast<Level>(level));
    if (name == "crescendo(" || name == "<(")
      writer_.open_hairpin(true, where);
    else if (name == "diminuendo(" || name == ">(")
      writer_.open_hairpin(false, where);
    else if (name == "crescendo)" || name == "<)")
      writer_.close_hairpin(true, where);
    else if (name == "diminuendo)" || name == ">)")
      writer_.close_hairpin(false, where);
    else if (name == "ped")
      writer_.mark_pedal(true, where);
    else if (name == "ped-up")
      writer_.mark_pedal(false, where);
    else if (name == "fermata")
      writer_.decorate(where).fermata = true;
    else if (name == "accent" || name == ">")
      writer_.decorate(where).accent = true;
    else if (name == "tenuto")
      writer_.decorate(where).articulation = Articulation::tenuto;
    else
      in.fail(where, "unknown decoration !" + std::string(name) + "!");
  }

  void read_bar_line(AbcCursor& in, TextPosition where) {
    bool ends = false, starts = false;
    if (in.take(":|:") || in.take("::"))
      ends = starts = true;
    else if (in.take(":|]") || in.take(":|"))
      ends = true;
    else if (in.take("|:"))
      starts = true;
    else if (!(in.take("|]") || in.take("||") || in.take("|")))
      in.fail(where, "unknown bar line");
    writer_.add_bar_line(ends, starts, in.at_digit(), where);
    if (in.at_digit()) read_ending(in);
  }

  void read_ending(AbcCursor& in) {
    const TextPosition where = in.here();
    writer_.start_ending(in.read_number(), where);
  }

  // An ending, an inline field or a chord
  void read_bracket(AbcCursor& in, TextPosition where) {
    if (in.at_digit()) return read_ending(in);
    if (in.peek(1) != ':') return read_chord(in, where);
    const auto closed = in.take_until(']');
    if (!closed) in.fail(where, "a field that is not closed");
    read_field(in, closed->front(), trim(closed->substr(2)), where);
  }

  void read_field(AbcCursor& in, char field, std::string_view value, TextPosition where) {
    const std::string quoted(value);
    if (field == 'Q') {
      const auto tempo = parse_tempo(value);
      if (!tempo) in.fail(where, "a tempo that cannot be read: " + quoted);
      writer_.mark_tempo(*tempo);
    } else if (field == 'L') {
      const auto unit = parse_note_length(value);
      if (!unit) in.fail(where, "a note length that cannot be read: " + quoted);
      writer_.set_unit(*unit);
    } else if (field == 'K') {
      const auto key = parse_key(value);
      if (!key) in.fail(where, "unknown key " + quoted);
      writer_.set_key(*key, where);
    } else if (field == 'M') {
      const auto metre = parse_metre(value);
      if (!metre) in.fail(where, "unknown metre " + quoted);
      writer_.set_metre(*metre, where);
    } else {
      in.fail(where, std::string("unknown inline field ") + field + ":");
    }
  }

  std::string file_;
  VoiceWriter writer_;
};

}  // namespace piano::detail
