// SPDX-License-Identifier: MIT
// For arbitrary bytes the reader of ONNX files returns a model that runs and that can be written and read again, or
// throws one error of one line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/stubs/logging.h>
#include <rondo/io/formats/onnx.hpp>
#include <rondo/io/inference_model.hpp>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// y of two sequences of three steps.
std::vector<float> outputs_of(const rondo::ModelDescription& description) {
  const rondo::InferenceModel<float> model(description);
  constexpr rondo::Index B = 2, T = 3;
  auto state = model.initial_state(B);
  rondo::InferenceModel<float>::Workspace work;
  const std::vector<std::int32_t> tokens(B * T, 0);
  const rondo::Sequence<float> x(model.input(), B, T,
                                 std::vector<float>(static_cast<std::size_t>(model.input() * B * T), 0.5f));
  const auto& y = model.takes_tokens() ? model.forward(tokens, B, T, state, work) : model.forward(x, state, work);
  return {y.data(), y.data() + y.size()};
}

void check(std::string_view bytes) {
  const rondo::ModelDescription model = rondo::read_onnx(bytes);
  require(model.parameters() <= static_cast<rondo::Index>(4 * bytes.size()));
  if (model.parameters() > 10000) return;
  const std::vector<float> y = outputs_of(model);
  const rondo::ModelDescription again = rondo::read_onnx(rondo::detail::OnnxWriter(model).write());
  require(again.output() == model.output() && outputs_of(again).size() == y.size());
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // its messages about damaged files
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check({reinterpret_cast<const char*>(data), size});
  } catch (const rondo::error& e) {
    require(std::string(e.what()).find('\n') == std::string::npos);
  }
  return 0;
}
