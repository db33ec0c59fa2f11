// SPDX-License-Identifier: MIT
// Damaged model files of every format: flipped bits, cut, spliced and repeated parts. A reader refuses them with one
// line or returns a model that runs; it needs at most 16 times the file's memory. RONDO_DAMAGED_FILES is the number per
// format (default 1000).
#include <rondo/io/inference_model.hpp>
#include <rondo/io/read_model.hpp>
#include <rondo/io/self_test.hpp>
#include <rondo/io/streaming_model.hpp>
#include <rondo/layers/named.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/allocation_counter.hpp"
#include "support/catch.hpp"
#include "temporary.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

struct Sample {
  const char* name;
  std::string bytes;
};

std::string pytorch_file() {
  const TemporaryFolder folder;
  Rng rng(1);
  Lstm<float> lstm({.input = 1, .hidden = 2, .bidirectional = true}, rng);
  Gru<float> gru({.input = 4, .hidden = 2}, rng);
  Linear<float> fc(2, 1, rng);
  Safetensors file;
  add_weights(file, named("lstm", lstm, "gru", gru, "fc", fc));
  file.metadata["rondo.modules"] = "lstm, gru, fc";
  const ModelDescription model = detail::read_pytorch(file);
  write_pytorch(folder / "f", model);
  return read_bytes(folder / "f");
}

/// A file without a checksum, so that damage gets past it.
std::string plain_safetensors() {
  return safetensors_bytes(R"({"weight_ih_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[0,16]},)"
                           R"("weight_hh_l0":{"dtype":"F16","shape":[4,1],"data_offsets":[16,24]},)"
                           R"("__metadata__":{"note":"lstm"}})",
                           std::string(24, '\x3c'));
}

std::vector<Sample> samples() {
  return {
      {"safetensors with a checksum", pytorch_file()},
      {"safetensors", plain_safetensors()},
      {"GuitarML",
       R"({"model_data":{"model":"SimpleRNN","input_size":1,"skip":1,"output_size":1,"unit_type":"LSTM","num_layers":1,)"
       R"("hidden_size":1,"bias_fl":true},"state_dict":{"rec.weight_ih_l0":[[1],[2],[3],[4]],)"
       R"("rec.weight_hh_l0":[[5],[6],[7],[8]],"rec.bias_ih_l0":[1,1,1,1],"rec.bias_hh_l0":[0.5,0,0,0],)"
       R"("lin.weight":[[3]],"lin.bias":[4]}})"},
      {"nam",
       R"({"version":"0.5.1","metadata":{"date":{"year":2023}},"architecture":"LSTM","config":{"input_size":1,)"
       R"("hidden_size":1,"num_layers":1},"weights":[1,2,3,4,5,6,7,8,1,2,3,4,0.5,0.25,2,1],"sample_rate":48000})"},
      {"Keras JSON",
       R"({"in_shape":[null,null,1],"in_gain":-6,"in_skip":1,"layers":[{"type":"gru","activation":"tanh",)"
       R"("shape":[null,null,1],"weights":[[[1,2,3]],[[1,2,3]],[[1,2,3],[4,5,6]]]},{"type":"dense",)"
       R"("activation":"sigmoid","shape":[null,null,1],"weights":[[[2]],[1]]}],"input_batch":[1,2],)"
       R"("output_batch":[0.5,0.25],"samplerate":"48000"})"},
      {"state dict as JSON",
       R"({"lstm.weight_ih_l0":[[1],[2],[3],[4]],"lstm.weight_hh_l0":[[1],[2],[3],[4]],"lstm.bias_ih_l0":[1,2,3,4],)"
       R"("dense.weight":[[1]],"dense.bias":[1]})"},
  };
}

/// One to three damages.
std::string damaged(std::string bytes, Rng& rng) {
  const auto place = [&] { return static_cast<std::size_t>(rng.below(static_cast<std::uint32_t>(bytes.size() + 1))); };
  for (std::uint32_t n = 1 + rng.below(3); n > 0 && !bytes.empty(); --n) {
    const std::size_t at = place(), other = place(), count = rng.below(40);
    switch (rng.below(6)) {
      case 0:
        bytes[at % bytes.size()] = static_cast<char>(bytes[at % bytes.size()] ^ (1 << rng.below(8)));
        break;
      case 1:
        bytes.resize(at);
        break;
      case 2:
        bytes.erase(at, count);
        break;
      case 3:
        bytes.insert(at, bytes.substr(other, count));
        break;
      case 4:
        bytes[at % bytes.size()] = "0123456789-.eE[]{},:\"\0\xff"[rng.below(23)];
        break;
      default:
        bytes.insert(at, std::string(1 + rng.below(20), "9[{-0"[rng.below(5)]));
    }
  }
  return bytes;
}

void read(const std::string& bytes) {
  try {
    parse_model(bytes);
  } catch (const error& e) {
    if (std::string(e.what()).find('\n') != std::string::npos) FAIL("a message of several lines: " << e.what());
  }
}

/// Reads a file and runs the model, if it is one.
void read_and_run(const std::string& bytes) {
  try {
    const ModelDescription model = parse_model(bytes);
    if (model.parameters() > 1000) return;
    self_test_difference(model);
    if (!model.streams()) return;
    StreamingModel<float> stream(model);
    const std::vector<float> x(static_cast<std::size_t>(model.input()), 0.5f);
    for (int n = 0; n < 3; ++n) stream.step(x);
  } catch (const error&) {
  }
}

}  // namespace

TEST_CASE("damaged model files: refused in one line, or the model runs") {
  const char* const text = std::getenv("RONDO_DAMAGED_FILES");
  const int count = text ? std::atoi(text) : 1000;
  for (const Sample& sample : samples()) {
    INFO(sample.name);
    REQUIRE_NOTHROW(parse_model(sample.bytes));
    Rng rng(1);
    std::size_t most = 0;
    for (int n = 0; n < count; ++n) {
      const std::string bytes = damaged(sample.bytes, rng);
      INFO("file " << n);
      const std::size_t before = allocated_bytes();
      REQUIRE_NOTHROW(read(bytes));
      most = std::max(most, allocated_bytes() - before);
      REQUIRE_NOTHROW(read_and_run(bytes));
    }
    // Everything requested counts, also what was freed at once; 64 KB are for streams, messages and small objects.
    CHECK(most <= 16 * (sample.bytes.size() + 1000) + 65536);
  }
}

TEST_CASE("damaged model files: the corpus of the fuzz programs") {
  std::size_t files = 0;
  for (const char* folder : {"model_json", "safetensors"})
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(RONDO_SOURCE_DIR) / "tests/fuzz/corpus" / folder)) {
      INFO(entry.path());
      REQUIRE_NOTHROW(read_and_run(read_bytes(entry.path())));
      ++files;
    }
  CHECK(files > 100);
}
