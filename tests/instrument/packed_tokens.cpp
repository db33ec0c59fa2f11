// SPDX-License-Identifier: MIT
// packed_tokens RUN_DIR MODEL SECONDS SEED FROM TO CANDIDATES: packs the model of a run as a page contains it, and
// prints the piece that the program's generator samples from the packed weights, and the same with a stretch filled, as
// JSON: {sampled, notes: [[start, end, pitch, velocity]], filled: [...]}.
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "piano/generation/generate.hpp"
#include "piano/generation/infill.hpp"
#include "piano/instrument/packed_model.hpp"
#include "piano/run/run_dir.hpp"

namespace {

nlohmann::json rows(const piano::GeneratedPiece& piece, double later = 0) {
  nlohmann::json notes = nlohmann::json::array();
  for (const auto& note : piece.performance.notes)
    notes.push_back({note.start.value + later, note.end.value + later, note.pitch, note.velocity});
  return notes;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 8) throw std::invalid_argument("wanted RUN_DIR MODEL SECONDS SEED FROM TO CANDIDATES");
  const piano::RunDir run(argv[1]);
  const piano::Config config = run.read_config();
  const auto bytes = piano::pack_model(config.pedal, config.conditions, config.grammar, run.read_model(config));
  std::ofstream(argv[2], std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const piano::PlayableModel model = piano::unpack_model(bytes);
  const piano::Request request{
      .plan = piano::free_play(std::stod(argv[3])), .sampling = {.min_p = 0.02}, .seed = std::stoull(argv[4])};
  constexpr auto kOpening = rondo::music::velocity(rondo::music::velocity_bin(64));
  const auto piece = piano::generate(model.network, model.input_spec(), {request}, kOpening)[0];
  const piano::Primer whole = piano::primer_of(piece.performance, std::numeric_limits<double>::infinity());
  const piano::Span gap{std::stod(argv[5]) - whole.begin, std::stod(argv[6]) - whole.begin};
  piano::Request settings = request;
  settings.condition_values = piano::condition_values_of(whole.performance);
  const auto filled = piano::infill(model.network, model.input_spec(), whole.performance, gap, settings, 1, kOpening,
                                    {.candidates = std::stoi(argv[7])});
  std::cout << nlohmann::json{{"sampled", piece.sampled},
                              {"notes", rows(piece)},
                              {"filled", rows(filled.outputs[0].piece, whole.begin)}}
            << std::endl;
  return 0;
} catch (const std::exception& error) {
  std::cerr << "packed_tokens: " << error.what() << '\n';
  return 1;
}
