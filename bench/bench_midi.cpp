// SPDX-License-Identifier: MIT
// The speed of the MIDI codec on one thread, from memory to memory. A call reads (or writes) every file of a set:
//
//   bench_midi --midi DIR      all .mid and .midi files below DIR; also from the environment, RONDO_BENCH_MIDI=DIR
//   bench_midi                 a generated set
//   bench_midi --save DIR      writes the generated set to DIR, for other programs to read, and ends
//
// midi_read_ticks and midi_read_seconds decode to notes, pedal and bends with times in that unit;
// midi_write encodes events to bytes. Counter MB/s: 10^6 bytes of files per second.
#include "measure.hpp"

#include <rondo/midi/compose.hpp>
#include <rondo/midi/notes.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/midi/writer.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace midi = rondo::midi;
using Bytes = std::vector<std::uint8_t>;

/// Removes `flag` and its argument from argv and returns the argument.
std::optional<std::string> take(std::string_view flag, int& argc, char** argv) {
  for (int k = 1; k + 1 < argc; ++k) {
    if (argv[k] != flag) continue;
    const std::string argument = argv[k + 1];
    std::copy(argv + k + 2, argv + argc, argv + k);
    argc -= 2;
    return argument;
  }
  return std::nullopt;
}

/// All readable files, sorted by path.
std::vector<Bytes> load(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const auto extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".mid" || extension == ".midi")) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  std::vector<Bytes> files;
  for (const auto& path : paths) {
    files.push_back(midi::detail::read_bytes(path));
    try {
      midi::read(files.back());
    } catch (const midi::error&) {
      files.pop_back();
    }
  }
  return files;
}

/// Ten pieces of about 100 KB with the event mix of recorded piano: about four pedal values per note.
std::vector<Bytes> make_up() {
  std::mt19937 random(1);
  const auto between = [&](unsigned low, unsigned high) {
    return static_cast<std::uint8_t>(low + random() % (high - low));
  };
  std::vector<Bytes> files;
  for (int piece = 0; piece < 10; ++piece) {
    midi::Performance<midi::Seconds> played;
    double now = 0;
    for (int note = 0; note < 5000; ++note) {
      now += 1e-3 * between(0, 200);
      played.notes.push_back({{now}, {now + 1e-3 * between(30, 250)}, between(21, 109), between(1, 128), 0, 0});
      for (int k = 0; k < 4; ++k)
        played.controls.push_back({{now + 0.02 * k}, midi::kSustainPedal, between(0, 128), 0, 0});
    }
    played.duration = {now + 1};
    files.push_back(midi::write(midi::compose(played)));
  }
  return files;
}

void save(const std::vector<Bytes>& files, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (std::size_t k = 0; k < files.size(); ++k) midi::write_bytes(folder / (std::to_string(k) + ".mid"), files[k]);
}

void report(benchmark::State& state, const std::vector<Bytes>& files, double seconds) {
  double bytes = 0;
  for (const Bytes& file : files) bytes += static_cast<double>(file.size());
  state.counters["MB/s"] = bytes * 1e-6 / seconds;
  state.counters["files"] = static_cast<double>(files.size());
  state.counters["MB"] = bytes * 1e-6;
}

template <class Time>
void read(benchmark::State& state, const std::vector<Bytes>& files) {
  const double seconds = bench::seconds_per_call(state, [&] {
    for (const Bytes& bytes : files) benchmark::DoNotOptimize(midi::extract<Time>(midi::read(bytes).file));
  });
  report(state, files, seconds);
}

void write(benchmark::State& state, const std::vector<Bytes>& files) {
  std::vector<midi::File> events;
  for (const Bytes& bytes : files) events.push_back(midi::read(bytes).file);
  std::vector<Bytes> written(files.size());
  const double seconds = bench::seconds_per_call(state, [&] {
    for (std::size_t k = 0; k < events.size(); ++k) written[k] = midi::write(events[k]);
  });
  report(state, written, seconds);
}

int run(int argc, char** argv) {
  if (const auto to = take("--save", argc, argv)) {
    save(make_up(), *to);
    return 0;
  }
  auto folder = take("--midi", argc, argv);
  if (const char* path = std::getenv("RONDO_BENCH_MIDI"); !folder && path) folder = path;
  const std::vector<Bytes> files = folder ? load(*folder) : make_up();
  if (files.empty()) throw std::runtime_error("no MIDI file below " + *folder);
  bench::add_context();
  benchmark::AddCustomContext("midi", folder ? *folder : "ten generated pieces (--midi DIR reads other files)");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;

  const auto ms = benchmark::kMillisecond;
  bench::add("midi_read_ticks", ms, [&](benchmark::State& state) { read<midi::Ticks>(state, files); });
  bench::add("midi_read_seconds", ms, [&](benchmark::State& state) { read<midi::Seconds>(state, files); });
  bench::add("midi_write", ms, [&](benchmark::State& state) { write(state, files); });
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_midi: %s\n", e.what());
    return 1;
  }
}
