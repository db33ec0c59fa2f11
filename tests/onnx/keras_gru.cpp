// SPDX-License-Identifier: MIT
// A GRU of Keras, which tf2onnx has written as a loop: read with the numbers of plain loops over the file's matrices;
// every other loop is refused. compare_keras.py compares more models with Keras.
#include <rondo/io/formats/onnx.hpp>
#include <rondo/io/inference_model.hpp>

#include <cmath>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "io/temporary.hpp"
#include "support/catch.hpp"

using namespace rondo;
using rondo_test::error_message_of;

namespace {

struct KerasFile {
  onnx::ModelProto model;
  onnx::GraphProto& graph() { return *model.mutable_graph(); }
  onnx::NodeProto& loop() {
    for (auto& node : *graph().mutable_node())
      if (node.op_type() == "Loop") return node;
    FAIL("there is no Loop");
    return *graph().mutable_node(0);
  }
  onnx::GraphProto& body() { return *loop().mutable_attribute(0)->mutable_g(); }
  /// Numbers of the constant that is an input of the loop, row-major.
  std::vector<double> constant(int input) {
    for (const auto& tensor : graph().initializer())
      if (tensor.name() == loop().input(input)) return detail::onnx_value(tensor, "it").tensor->values;
    FAIL("input " << input << " is no constant");
    return {};
  }
  std::string refusal() {
    return error_message_of<file_error>([&] { read_onnx(model.SerializeAsString()); });
  }
};

KerasFile keras_gru() {
  KerasFile file;
  const auto path = std::filesystem::path(RONDO_SOURCE_DIR) / "tests/fuzz/corpus/onnx/keras_gru.onnx";
  REQUIRE(file.model.ParseFromString(rondo_test::read_bytes(path)));
  return file;
}

constexpr Index kInputs = 3, kUnits = 2, kB = 2, kT = 4;

double x_of(Index b, Index t, Index c) { return 0.3 * std::sin(1.7 * static_cast<double>(b + 2 * t + 5 * c)); }

/// h of all steps by Keras's equations, T x B x H. bias: 2 x 3H, W: C x 3H, R: H x 3H, gates z, r, n.
std::vector<double> plain_gru(const std::vector<double>& bias, const std::vector<double>& W,
                              const std::vector<double>& R) {
  const auto at = [](Index n) { return static_cast<std::size_t>(n); };
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  std::vector<double> h(at(kB * kUnits), 0), y;
  for (Index t = 0; t < kT; ++t) {
    std::vector<double> next;
    for (Index b = 0; b < kB; ++b)
      for (Index k = 0; k < kUnits; ++k) {
        double xs[3], hs[3];
        for (Index gate = 0; gate < 3; ++gate) {
          const Index column = gate * kUnits + k;
          xs[gate] = bias[at(column)], hs[gate] = bias[at(3 * kUnits + column)];
          for (Index c = 0; c < kInputs; ++c) xs[gate] += x_of(b, t, c) * W[at(c * 3 * kUnits + column)];
          for (Index j = 0; j < kUnits; ++j) hs[gate] += h[at(b * kUnits + j)] * R[at(j * 3 * kUnits + column)];
        }
        const double z = sigmoid(xs[0] + hs[0]), r = sigmoid(xs[1] + hs[1]);
        next.push_back(z * h[at(b * kUnits + k)] + (1 - z) * std::tanh(xs[2] + r * hs[2]));
      }
    h = next;
    y.insert(y.end(), h.begin(), h.end());
  }
  return y;
}

}  // namespace

TEST_CASE("A GRU of Keras in a loop has the numbers of plain loops") {
  KerasFile file = keras_gru();
  const std::vector<double> wanted = plain_gru(file.constant(5), file.constant(6), file.constant(7));
  ModelDescription description = read_onnx(file.model.SerializeAsString());
  REQUIRE(description.modules.size() == 3);
  description.modules.resize(1);
  std::erase_if(description.weights.tensors, [](const auto& entry) { return !entry.first.starts_with("gru"); });
  description.check();
  const InferenceModel<double> model(description);
  auto state = model.initial_state(kB);
  InferenceModel<double>::Workspace work;
  Sequence<double> x(kInputs, kB, kT);
  for (Index t = 0; t < kT; ++t)
    for (Index b = 0; b < kB; ++b)
      for (Index c = 0; c < kInputs; ++c) x(c, b, t) = x_of(b, t, c);
  const auto& y = model.forward(x, state, work);
  REQUIRE(static_cast<std::size_t>(y.size()) == wanted.size());
  for (std::size_t n = 0; n < wanted.size(); ++n) CHECK(std::abs(y.data()[n] - wanted[n]) < 1e-12);
  CHECK(std::abs(wanted.back()) > 0.01);
}

TEST_CASE("A loop with one other operator or operand is refused by its name") {
  KerasFile file = keras_gru();
  REQUIRE_NOTHROW(read_onnx(file.model.SerializeAsString()));
  const int nodes = file.body().node_size();
  REQUIRE(nodes > 25);
  int changes = 0;
  const auto check = [&](const std::function<void(onnx::NodeProto&)>& change, int n) {
    KerasFile changed = keras_gru();
    change(*changed.body().mutable_node(n));
    INFO("node " << n << ": " << changed.body().node(n).DebugString());
    CHECK(changed.refusal().find("(Loop): its body is no GRU") != std::string::npos);
    ++changes;
  };
  for (int n = 0; n < nodes; ++n) {
    const onnx::NodeProto& node = file.body().node(n);
    const std::string type = node.op_type();
    if (type == "Identity" || type == "Cast" || type == "Squeeze") continue;  // they do not compute
    check([](auto& proto) { proto.set_op_type("Exp"); }, n);
    check([](auto& proto) { proto.set_domain("com.example"); }, n);
    if (type == "Add") check([](auto& proto) { proto.set_op_type("Mul"); }, n);
    if (type == "Mul") check([](auto& proto) { proto.set_op_type("Add"); }, n);
    if (type == "Sigmoid") check([](auto& proto) { proto.set_op_type("Tanh"); }, n);
    if (type == "Tanh") check([](auto& proto) { proto.set_op_type("Sigmoid"); }, n);
    if (type == "Sub" || type == "Less") check([](auto& proto) { proto.mutable_input()->SwapElements(0, 1); }, n);
    if (type == "Split" && node.output_size() == 3)  // the other Split gives the two biases, of any values
      check([](auto& proto) { proto.mutable_output()->SwapElements(0, 1); }, n);
    if (type == "Gather")
      check(
          [](auto& proto) {
            auto& a = *proto.add_attribute();
            a.set_name("axis");
            a.set_i(1);
          },
          n);
    // h instead of an operand.
    if (type == "Add" || type == "Mul" || type == "Sigmoid" || type == "Tanh")
      check([&](auto& proto) { proto.set_input(0, file.body().input(3).name()); }, n);
  }
  CHECK(changes > 60);
}

TEST_CASE("A loop that skips steps or starts from another state is refused") {
  const auto set_constant = [](KerasFile& file, const std::string& name, double value) {
    for (auto* graph : {&file.graph(), &file.body()})
      for (auto& tensor : *graph->mutable_initializer())
        if (tensor.name() == name) {
          const bool floats = tensor.data_type() == onnx::TensorProto::FLOAT;
          tensor.clear_raw_data();
          floats ? tensor.add_float_data(static_cast<float>(value)) : tensor.add_int32_data(static_cast<int>(value));
          return;
        }
    FAIL("there is no constant " << name);
  };
  const auto check = [&](const std::string& message, const std::function<void(KerasFile&)>& change) {
    KerasFile file = keras_gru();
    change(file);
    const std::string refusal = file.refusal();
    INFO(refusal);
    CHECK(refusal.find(message) != std::string::npos);
    CHECK(refusal.find('\n') == std::string::npos);
  };
  check("does not start with the first step", [&](KerasFile& f) { set_constant(f, f.loop().input(2), 1); });
  check("is no GRU", [&](KerasFile& f) {
    for (const auto& node : f.body().node())
      if (node.op_type() == "Add" && node.input(0) == f.body().input(2).name())
        return set_constant(f, node.input(1), 2);  // every second step
  });
  check("does not run over all steps", [](KerasFile& f) {
    auto& three = *f.graph().add_initializer();
    three.set_name("three");
    three.set_data_type(onnx::TensorProto::INT64);
    three.add_int64_data(3);
    f.loop().set_input(0, "three");
  });
  check("its initial state is not zeros", [](KerasFile& f) {
    auto& h0 = *f.graph().add_initializer();
    h0.set_name("h0");
    h0.set_data_type(onnx::TensorProto::FLOAT);
    h0.add_dims(1);
    h0.add_dims(kUnits);
    h0.add_float_data(1);
    h0.add_float_data(2);
    f.loop().set_input(3, "h0");
  });
  check("its condition is not", [](KerasFile& f) { f.body().mutable_output(0)->set_name(f.body().input(2).name()); });
  check("is no GRU", [](KerasFile& f) { f.loop().mutable_input()->RemoveLast(); });
  check("is no GRU", [](KerasFile& f) { f.loop().clear_attribute(); });
}
