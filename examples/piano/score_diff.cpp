// SPDX-License-Identifier: MIT
// score_diff ours.abc reference.mid: compares a score with a MIDI rendering of the same piece, note for note. Exit
// status 0: equal up to the exceptions that the score logs. 1: other differences, or an error. 2: wrong command line.
#include <rondo/midi/notes.hpp>
#include <rondo/midi/reader.hpp>
#include "piano/notation/abc_parser.hpp"
#include "piano/notation/compare.hpp"

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

using namespace piano;

namespace {

std::string name_of(int pitch) {
  static constexpr const char* names[] = {"C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"};
  return names[pitch % 12] + std::to_string(pitch / 12 - 1);
}

std::string describe(const ScoreDifference& d) {
  if (!d.reference) return "only in our score, lasts " + d.ours->to_string();
  if (!d.ours) return "only in the reference, lasts " + d.reference->to_string();
  return "lasts " + d.ours->to_string() + ", in the reference " + d.reference->to_string();
}

int compare_files(const std::string& abc, const std::string& reference_path) {
  Score score = read_abc(abc);
  const LoggedReference log = logged_reference(score).value_or(LoggedReference{});
  if (log.without_repeats) score = read_abc(abc, Repeats::ignore);

  const midi::File file = midi::read_file(reference_path).file;
  if (file.division.ticks_per_quarter == 0)
    throw std::runtime_error(reference_path + ": its division is SMPTE frames, not quarter notes");
  const auto reference = midi::extract<midi::Ticks>(file).notes;
  const auto differences = compare(score, reference, file.division.ticks_per_quarter, log);

  for (const ScoreDifference& d : differences)
    std::printf("bar %d, quarter %s: %s %s\n", d.bar, d.onset.to_string().c_str(), name_of(d.pitch).c_str(),
                describe(d).c_str());
  const auto unexpected = piano::unexpected(differences, log);
  for (const auto& [bar, counts] : unexpected)
    std::printf("bar %d: %zu differences, %zu logged\n", bar, counts.first, counts.second);
  std::printf("%zu notes, %zu in the reference, %zu differences, %s\n", score.notes.size(), reference.size(),
              differences.size(), unexpected.empty() ? "all of them logged" : "not all of them logged");
  return unexpected.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: score_diff ours.abc reference.mid\n");
    return 2;
  }
  try {
    return compare_files(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "score_diff: %s\n", error.what());
    return 1;
  }
}
