// SPDX-License-Identifier: MIT
// Reads the characters of one line of ABC music: numbers, lengths, notes. This is the syntax; voice_writer.hpp has the
// semantics.
#pragma once

#include "piano/notation/abc_error.hpp"
#include "piano/notation/abc_fields.hpp"
#include "piano/notation/rational.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace piano::detail {

/// A note as written: `^c'` is the letter C an octave above middle C's, with an accidental of 1.
struct WrittenNote {
  char letter = 'C';
  int octave = 0;  // 0 for capital letters without marks: C is middle C
  std::optional<int> accidental;
  bool tied = false;
  TextPosition where;    // of the note
  TextPosition tied_at;  // of its tie

  std::pair<char, int> key() const { return {letter, octave}; }
};

class AbcCursor {
 public:
  AbcCursor(std::string file, std::string_view line, TextPosition where)
      : file_(std::move(file)), line_(line), origin_(where) {}

  [[noreturn]] void fail(TextPosition where, const std::string& message) const {
    throw AbcError(file_, where, message);
  }

  TextPosition here() const { return {origin_.line, origin_.column + static_cast<int>(next_)}; }
  char peek(std::size_t ahead = 0) const { return next_ + ahead < line_.size() ? line_[next_ + ahead] : '\0'; }
  bool take(std::string_view expected) {
    if (!line_.substr(next_).starts_with(expected)) return false;
    next_ += expected.size();
    return true;
  }
  /// The text before the next `close`, which is skipped; nothing if there is none.
  std::optional<std::string_view> take_until(char close) {
    const auto end = line_.find(close, next_);
    if (end == line_.npos) return std::nullopt;
    const std::string_view text = line_.substr(next_, end - next_);
    next_ = end + 1;
    return text;
  }
  /// Skips blanks; false at the end of the line or before a comment.
  bool next_item() {
    while (peek() == ' ' || peek() == '\t') ++next_;
    return next_ < line_.size() && peek() != '%';
  }

  bool at_digit(std::size_t ahead = 0) const { return peek(ahead) >= '0' && peek(ahead) <= '9'; }
  bool at_letter() const { return (peek() >= 'A' && peek() <= 'G') || (peek() >= 'a' && peek() <= 'g'); }
  bool at_note() const { return at_letter() || peek() == '^' || peek() == '_' || peek() == '='; }

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
    if (!at_letter()) fail(note.where, "accidental on nothing");
    const char letter = line_[next_++];
    note.octave = letter >= 'a' ? 1 : 0;
    note.letter = letter >= 'a' ? static_cast<char>(letter - 'a' + 'A') : letter;
    while (peek() == '\'' || peek() == ',') note.octave += line_[next_++] == '\'' ? 1 : -1;
    return note;
  }

  /// `3`, `/`, `//`, `/4`, `3/2`, or nothing for 1: a multiple of the unit length
  Rational read_length() {
    const int top = at_digit() ? read_number() : 1;
    int bottom = 1;
    if (take("/")) {
      bottom = 2;
      if (at_digit())
        bottom = read_number();
      else
        while (bottom < 64 && take("/")) bottom *= 2;
    }
    return {top, bottom};
  }

  int read_number() {
    const TextPosition where = here();
    const std::size_t begin = next_;
    while (at_digit()) ++next_;
    const auto number = parse_count(line_.substr(begin, next_ - begin));
    if (!number) fail(where, "a number outside 1..9999");
    return *number;
  }

 private:
  std::string file_;
  std::string_view line_;
  TextPosition origin_;   // of the line's first character
  std::size_t next_ = 0;  // first character not yet read
};

}  // namespace piano::detail
