// SPDX-License-Identifier: MIT
// Parses ABC notation, a strict subset of version 2.1, into a Score. examples/piano/scores/README.md documents the
// subset. This file parses the header, passes each line to its voice, compares the voices and unfolds the repeats.
#pragma once

#include "piano/notation/abc_voice.hpp"
#include "piano/notation/bar_order.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace piano {

/// Reads one tune. `file` names the text in messages. Throws AbcError at the first error.
Score parse_abc(std::string_view text, const std::string& file, Repeats repeats = Repeats::play);

/// parse_abc of a file's text. Throws std::runtime_error if the file cannot be read.
inline Score read_abc(const std::string& path, Repeats repeats = Repeats::play) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw std::runtime_error(path + ": cannot be read");
  return parse_abc(text, path, repeats);
}

namespace detail {

class AbcReader {
 public:
  AbcReader(std::string_view text, std::string file) : rest_(text), file_(std::move(file)) {}

  Score read(Repeats repeats) {
    read_lines();
    if (!key_) fail({line_, 1}, "no K: field, so no music");
    if (voices_.empty()) fail({line_, 1}, "no music");
    for (Voice& voice : voices_) voice.bars = voice.reader.finish(voice.end);
    compare_voices();
    play(play_order(voices_.front().bars, numbers_, repeats, file_));
    return std::move(score_);
  }

 private:
  struct Voice {
    std::string name;
    VoiceReader reader;
    TextPosition end;  // of its last line
    std::vector<WrittenBar> bars;
  };

  [[noreturn]] void fail(TextPosition where, const std::string& message) const {
    throw AbcError(file_, where, message);
  }

  // ---- lines ----

  void read_lines() {
    bool ended = false;
    for (; !rest_.empty(); ++line_) {
      const auto newline = std::min(rest_.find('\n'), rest_.size());
      std::string_view text = rest_.substr(0, newline);
      rest_.remove_prefix(std::min(newline + 1, rest_.size()));
      if (text.ends_with('\r')) text.remove_suffix(1);
      if (trim(text).empty()) {
        ended = ended || key_.has_value();
      } else if (text.starts_with("%%")) {
        read_directive(text.substr(2));
      } else if (text.starts_with('%')) {
        continue;
      } else if (ended) {
        fail({line_, 1}, "text after the blank line that ended the tune");
      } else if (key_) {
        read_body_line(text);
      } else {
        read_header_line(text);
      }
    }
  }

  void read_header_line(std::string_view text) {
    if (text.size() < 2 || text[1] != ':') fail({line_, 1}, "not a header field");
    const char field = text[0];
    const std::string_view all = trim(text.substr(2));
    const std::string_view value = field == 'N' || field == 'T' ? all : trim(all.substr(0, all.find('%')));
    const std::string quoted(value);
    if (!seen_.empty() && field == 'X') fail({line_, 1}, "X: must be the first field, once");
    if (seen_.empty() && field != 'X') fail({line_, 1}, "the first field must be X:");
    if (seen_.find(field) != seen_.npos && std::string_view("MLQ").find(field) != std::string_view::npos)
      fail({line_, 1}, std::string("field ") + field + ": twice");
    seen_ += field;
    switch (field) {
      case 'X':
        if (!parse_count(value)) fail({line_, 3}, "X: wants a number");
        break;
      case 'T':
        score_.title = score_.title.empty() ? quoted : score_.title + ", " + quoted;
        break;
      case 'C':
        score_.composer = quoted;
        break;
      case 'N':
        score_.remarks.push_back(quoted);
        break;
      case 'O':
      case 'S':
      case 'Z':
        break;  // origin, source, transcriber
      case 'V':
        declare_voice(value);
        break;
      case 'M': {
        const auto metre = parse_metre(value);
        if (!metre) fail({line_, 3}, "unknown metre " + quoted);
        metre_ = *metre;
        break;
      }
      case 'L': {
        const auto unit = parse_note_length(value);
        if (!unit) fail({line_, 3}, "a note length that cannot be read: " + quoted);
        unit_ = *unit;
        break;
      }
      case 'Q': {
        const auto tempo = parse_tempo(value);
        if (!tempo) fail({line_, 3}, "a tempo that cannot be read: " + quoted);
        score_.tempos.push_back({Rational(), *tempo});
        break;
      }
      case 'K': {
        key_ = parse_key(value);
        if (!key_) fail({line_, 3}, "unknown key " + quoted);
        score_.key = quoted;
        for (char wanted : std::string_view("XTCMLQ"))
          if (seen_.find(wanted) == seen_.npos) fail({line_, 1}, std::string("no ") + wanted + ": field before K:");
        break;
      }
      default:
        fail({line_, 1}, std::string("unknown field ") + field + ":");
    }
  }

  // `RH clef=treble name="right hand"`; the properties are for engraving programs
  void declare_voice(std::string_view value) {
    const std::string name(value.substr(0, value.find(' ')));
    if (name.empty()) fail({line_, 3}, "a voice without a name");
    if (std::find(declared_.begin(), declared_.end(), name) != declared_.end())
      fail({line_, 3}, "voice " + name + " twice");
    declared_.push_back(name);
  }

  void read_directive(std::string_view text) {
    const auto blank = std::min(text.find(' '), text.size());
    const std::string_view name = text.substr(0, blank), value = trim(text.substr(blank));
    if (name == "score") return;  // the grouping of staves, for engraving programs
    if (!name.starts_with("rondo-")) fail({line_, 1}, "unknown directive %%" + std::string(name));
    if (key_) fail({line_, 1}, "directives belong before K:");
    if (name == "rondo-pedal") {
      if (value == "bar")
        score_.auto_pedal = AutoPedal::bar;
      else if (value == "half")
        score_.auto_pedal = AutoPedal::half;
      else if (value == "none")
        score_.auto_pedal = AutoPedal::none;
      else
        fail({line_, 1}, "%%rondo-pedal wants bar, half or none");
    } else if (name == "rondo-rubato") {
      const auto share = parse_decimal(value);
      if (!share || *share > 0.3) fail({line_, 1}, "%%rondo-rubato wants a number from 0 to 0.3");
      score_.rubato = *share;
    } else if (name == "rondo-melody") {
      melody_line_ = line_;
      for (std::string_view left = value; !left.empty();) {
        const auto end = std::min(left.find(' '), left.size());
        melody_.emplace_back(left.substr(0, end));
        left = trim(left.substr(end));
      }
      if (melody_.empty()) fail({line_, 1}, "%%rondo-melody wants voices, or none");
    } else {
      fail({line_, 1}, "unknown directive %%" + std::string(name));
    }
  }

  void read_body_line(std::string_view text) {
    if (!text.starts_with("[V:")) fail({line_, 1}, "a line of music must begin with its voice, as [V:RH]");
    const auto close = text.find(']');
    if (close == text.npos) fail({line_, 1}, "a field that is not closed");
    const std::string name(trim(text.substr(3, close - 3)));
    if (!declared_.empty() && std::find(declared_.begin(), declared_.end(), name) == declared_.end())
      fail({line_, 4}, "voice " + name + " is not declared in the header");
    Voice& voice = voice_named(name);
    voice.end = {line_, static_cast<int>(text.size()) + 1};
    voice.reader.read(text.substr(close + 1), {line_, static_cast<int>(close) + 2});
  }

  // Voices are in the order of their declarations, or of their first lines.
  Voice& voice_named(const std::string& name) {
    if (voices_.empty())
      for (const std::string& declared : declared_) add_voice(declared);
    for (Voice& voice : voices_)
      if (voice.name == name) return voice;
    if (name.empty()) fail({line_, 4}, "a voice without a name");
    return add_voice(name);
  }

  Voice& add_voice(const std::string& name) {
    voices_.push_back({name, VoiceReader(file_, metre_, unit_, *key_), {line_, 1}, {}});
    return voices_.back();
  }

  // ---- comparison of voices ----

  std::string holds(const WrittenBar& bar) const { return (bar.length / Rational(4)).to_string(); }

  void compare_voices() {
    for (Voice& voice : voices_)
      if (voice.bars.empty()) fail(voice.end, "voice " + voice.name + " holds no bar");
    numbers_ = bar_numbers(voices_.front().bars);
    const Voice& model = voices_.front();
    for (const Voice& voice : voices_) {
      const std::size_t count = std::min(voice.bars.size(), model.bars.size());
      for (std::size_t b = 0; b < count; ++b) {
        const WrittenBar &bar = voice.bars[b], &wanted = model.bars[b];
        const std::string number = "bar " + std::to_string(numbers_[b]);
        if (bar.metre != wanted.metre) fail(bar.end, number + ": another metre than in voice " + model.name);
        const bool whole = bar.length == bar.metre.length();
        if (bar.length > bar.metre.length() || (!whole && !is_short(wanted)) ||
            (!whole && !may_be_short(model.bars, b)))
          fail(bar.end, number + " holds " + holds(bar) + ", metre is " + std::to_string(bar.metre.beats) + "/" +
                            std::to_string(bar.metre.beat_unit));
        if (bar.length != wanted.length)
          fail(bar.end, number + " holds " + holds(bar) + ", but " + holds(wanted) + " in voice " + model.name);
        if (bar.start_repeat != wanted.start_repeat || bar.end_repeat != wanted.end_repeat ||
            bar.ending != wanted.ending)
          fail(bar.end, number + ": other repeat signs than in voice " + model.name);
      }
      if (voice.bars.size() != model.bars.size())
        fail(voice.end, "voice " + voice.name + " holds " + std::to_string(voice.bars.size()) + " bars, voice " +
                            model.name + " " + std::to_string(model.bars.size()));
    }
  }

  // ---- repeats ----

  void play(const std::vector<std::size_t>& order) {
    const std::vector<WrittenBar>& model = voices_.front().bars;
    Rational now;
    for (std::size_t k = 0; k < order.size(); ++k) {
      const WrittenBar& bar = model[order[k]];
      Bar played{now, bar.length, Rational(), bar.metre, numbers_[order[k]]};
      const bool second_half =
          k > 0 && score_.bars[k - 1].into_metre == Rational() && complete_each_other(model[order[k - 1]], bar);
      if (is_short(bar) && (k == 0 || second_half)) played.into_metre = bar.metre.length() - bar.length;
      score_.bars.push_back(played);
      for (std::size_t v = 0; v < voices_.size(); ++v) play_bar(voices_[v].bars[order[k]], v, k);
      now += bar.length;
    }
    const auto by_onset = [](const auto& a, const auto& b) { return a.onset < b.onset; };
    std::stable_sort(score_.notes.begin(), score_.notes.end(), [](const ScoreNote& a, const ScoreNote& b) {
      if (a.onset != b.onset) return a.onset < b.onset;
      return a.voice != b.voice ? a.voice < b.voice : a.pitch < b.pitch;
    });
    std::stable_sort(score_.dynamics.begin(), score_.dynamics.end(), by_onset);
    std::stable_sort(score_.hairpins.begin(), score_.hairpins.end(), by_onset);
    std::stable_sort(score_.tempos.begin(), score_.tempos.end(), by_onset);
    std::stable_sort(score_.fermatas.begin(), score_.fermatas.end(), by_onset);
    std::stable_sort(score_.pedal_marks.begin(), score_.pedal_marks.end(), by_onset);
    for (const Voice& voice : voices_) score_.voices.push_back(voice.name);
    resolve_melody();
  }

  void play_bar(const WrittenBar& bar, std::size_t voice, std::size_t played) {
    const Rational shift = score_.bars[played].onset;
    const auto add = [&](const auto& from, auto& to, auto&& adapt) {
      for (auto item : from) {
        item.onset += shift;
        adapt(item);
        to.push_back(item);
      }
    };
    const auto keep = [](const auto&) {};
    add(bar.notes, score_.notes, [&](ScoreNote& note) { note.voice = voice, note.bar = played; });
    add(bar.dynamics, score_.dynamics, keep);
    add(bar.hairpins, score_.hairpins, [&](Hairpin& hairpin) { hairpin.end += shift; });
    add(bar.tempos, score_.tempos, keep);
    add(bar.fermatas, score_.fermatas, keep);
    add(bar.pedal_marks, score_.pedal_marks, [&](PedalMark& mark) { mark.bar = played; });
  }

  void resolve_melody() {
    if (melody_.empty()) {
      score_.melody = {0};
      return;
    }
    if (melody_.size() == 1 && melody_.front() == "none") return;
    for (const std::string& name : melody_) {
      const auto found = std::find(score_.voices.begin(), score_.voices.end(), name);
      if (found == score_.voices.end())
        fail({melody_line_, 1}, "%%rondo-melody names voice " + name + ", which has no music");
      score_.melody.push_back(static_cast<std::size_t>(found - score_.voices.begin()));
    }
  }

  std::string_view rest_;
  std::string file_;
  int line_ = 1;
  std::string seen_;  // letters of the header fields so far
  Metre metre_;
  Rational unit_;
  std::optional<KeySignature> key_;
  std::vector<std::string> declared_;
  std::vector<std::string> melody_;
  int melody_line_ = 0;
  std::vector<Voice> voices_;
  std::vector<int> numbers_;  // of the written bars
  Score score_;
};

}  // namespace detail

inline Score parse_abc(std::string_view text, const std::string& file, Repeats repeats) {
  return detail::AbcReader(text, file).read(repeats);
}

}  // namespace piano
