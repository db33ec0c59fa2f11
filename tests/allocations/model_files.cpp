// SPDX-License-Identifier: MIT
// Models of files: a stream allocates nothing, a warm pass over a batch neither.
#include <rondo/io/inference_model.hpp>
#include <rondo/io/read_model.hpp>
#include <rondo/io/streaming_model.hpp>

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "support/allocation_counter.hpp"
#include "support/catch.hpp"

using namespace rondo;
using rondo_test::allocations;

namespace {

// Gains, a GRU, an LSTM, two dense layers with activations and a skip connection.
constexpr std::string_view kModel =
    R"({"in_shape":[null,null,1],"in_gain":-6,"in_skip":1,"out_gain":3,"layers":[)"
    R"({"type":"gru","activation":"tanh","shape":[null,null,1],"weights":[[[1,2,3]],[[1,2,3]],[[1,2,3],[4,5,6]]]},)"
    R"({"type":"lstm","activation":"tanh","shape":[null,null,1],"weights":[[[1,2,3,4]],[[1,2,3,4]],[1,2,3,4]]},)"
    R"({"type":"dense","activation":"sigmoid","shape":[null,null,2],"weights":[[[2,1]],[1,0]]},)"
    R"({"type":"dense","activation":"","shape":[null,null,1],"weights":[[[2],[1]],[1]]}]})";

}  // namespace

TEMPLATE_TEST_CASE("a model of a file allocates nothing", "", float, double) {
  using Scalar = TestType;
  const ModelDescription file = parse_model(kModel);
  StreamingModel<Scalar> stream(file);
  std::vector<Scalar> x(1000, Scalar(0.5)), y(1000);
  auto before = allocations();
  stream.process(x, y);
  stream.reset();
  stream.step(std::span<const Scalar>(x).first(1));
  CHECK(allocations() == before);

  const InferenceModel<Scalar> model(file);
  typename InferenceModel<Scalar>::Workspace work;
  Sequence<Scalar> input(1, 4, 30);
  auto state = model.initial_state(4);
  for (int n = 0; n < 2; ++n) model.forward(input, state, work);
  before = allocations();
  model.forward(input, state, work);
  CHECK(allocations() == before);
}
