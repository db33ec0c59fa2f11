// SPDX-License-Identifier: MIT
// packed_tokens RUN_DIR MODEL SECONDS SEED: packs the model of a run as a page contains it, and prints the piece that
// the program's generator samples from the packed weights, as JSON: {sampled, notes: [[start, end, pitch, velocity]]}.
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "piano/generation/generate.hpp"
#include "piano/instrument/packed_model.hpp"
#include "piano/run/run_dir.hpp"

int main(int argc, char** argv) try {
  if (argc != 5) throw std::invalid_argument("wanted RUN_DIR MODEL SECONDS SEED");
  const piano::RunDir run(argv[1]);
  const piano::Config config = run.read_config();
  const auto bytes = piano::pack_model(config.pedal, config.conditions, run.read_model(config));
  std::ofstream(argv[2], std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const piano::PlayableModel model = piano::unpack_model(bytes);
  const piano::Request request{
      .plan = piano::free_play(std::stod(argv[3])), .sampling = {.min_p = 0.02}, .seed = std::stoull(argv[4])};
  const auto pieces = piano::generate(model.network, model.input_spec(), {request},
                                      rondo::music::velocity(rondo::music::velocity_bin(64)));
  nlohmann::json notes = nlohmann::json::array();
  for (const auto& note : pieces[0].performance.notes)
    notes.push_back({note.start.value, note.end.value, note.pitch, note.velocity});
  std::cout << nlohmann::json{{"sampled", pieces[0].sampled}, {"notes", notes}} << std::endl;
  return 0;
} catch (const std::exception& error) {
  std::cerr << "packed_tokens: " << error.what() << '\n';
  return 1;
}
