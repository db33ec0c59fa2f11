// SPDX-License-Identifier: MIT
// For arbitrary bytes the readers of model files return a model that runs, or throw one error of one line. The macro
// RONDO_FUZZ_SAFETENSORS selects bytes that are read as safetensors, otherwise they are read as JSON; what a model does
// is the same.
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
#if defined(RONDO_FUZZ_SAFETENSORS)
  rondo::ModelDescription model = rondo::detail::read_pytorch(rondo::Safetensors::parse(bytes));
#else
  rondo::ModelDescription model = rondo::detail::read_model_json(bytes);
#endif
  model.check();
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
