// SPDX-License-Identifier: MIT
// Damaged model files of every format but ONNX, whose test is in tests/onnx.
#include <rondo/io/read_model.hpp>
#include <rondo/layers/named.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "damage.hpp"
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

}  // namespace

TEST_CASE("damaged model files: refused in one line, or the model runs") {
  for (const Sample& sample : samples()) {
    INFO(sample.name);
    check_damaged_files(sample.bytes, "0123456789-.eE[]{},:\"\xff", "9[{-0", parse_model);
  }
}

TEST_CASE("damaged model files: the corpus of the fuzz programs") {
  std::size_t files = 0;
  for (const char* folder : {"model_json", "safetensors"})
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(RONDO_SOURCE_DIR) / "tests/fuzz/corpus" / folder)) {
      INFO(entry.path());
      REQUIRE_NOTHROW(read_and_run(read_bytes(entry.path()), parse_model));
      ++files;
    }
  CHECK(files > 100);
}
