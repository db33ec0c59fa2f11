// SPDX-License-Identifier: MIT
// For arbitrary bytes the readers of model files return a model that runs, or throw one error of one line. The content
// selects the reader: the two dictionaries and corpora are for JSON and for safetensors.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <rondo/io/inference_model.hpp>
#include <rondo/io/read_model.hpp>
#include <rondo/io/self_test.hpp>
#include <rondo/io/streaming_model.hpp>

namespace {

void check(std::string_view bytes) {
  const rondo::ModelDescription model = rondo::parse_model(bytes);
  if (model.parameters() > 10000) return;
  self_test_difference(model);
  if (!model.streams()) return;
  rondo::StreamingModel<float> stream(model);
  const std::vector<float> x(static_cast<std::size_t>(model.input()), 0.5f);
  for (int n = 0; n < 3; ++n) stream.step(x);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check({reinterpret_cast<const char*>(data), size});
  } catch (const rondo::error& e) {
    if (std::string(e.what()).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
