// SPDX-License-Identifier: MIT
// Reading and writing ONNX files: round trips, every refusal, damaged and hostile files. compare_onnx.py compares with
// onnxruntime.
#include <rondo/core/random.hpp>
#include <rondo/io/formats/onnx.hpp>
#include <rondo/io/inference_model.hpp>

#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "io/temporary.hpp"
#include "support/catch.hpp"

using namespace rondo;
using rondo_test::error_message_of;
using rondo_test::TemporaryFolder;

namespace {

using Shape = std::vector<Index>;
using Names = std::vector<std::string>;
using onnx::AttributeProto;
using onnx::NodeProto;
using onnx::TensorProto;

constexpr Index kC = 3, kH = 2, kK = 4;

/// An ONNX file with a graph from parts.
struct File {
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();

  NodeProto& node(const std::string& type, const Names& inputs, const Names& outputs) {
    NodeProto& n = *graph.add_node();
    n.set_op_type(type);
    n.set_name("the_" + type);
    for (const auto& name : inputs) n.add_input(name);
    for (const auto& name : outputs) n.add_output(name);
    return n;
  }
  TensorProto& floats(const std::string& name, const Shape& shape, float first = 0.1f) {
    TensorProto& t = *graph.add_initializer();
    t.set_name(name);
    t.set_data_type(TensorProto::FLOAT);
    Index count = 1;
    for (Index extent : shape) {
      t.add_dims(extent);
      count *= extent;
    }
    for (Index n = 0; n < count; ++n) t.add_float_data(first + 0.01f * static_cast<float>(n));
    return t;
  }
  TensorProto& integers(const std::string& name, const Shape& values) {
    TensorProto& t = *graph.add_initializer();
    t.set_name(name);
    t.set_data_type(TensorProto::INT64);
    t.add_dims(std::ssize(values));
    for (Index value : values) t.add_int64_data(value);
    return t;
  }
  /// A size of 0 is dynamic.
  void input(const std::string& name, const Shape& shape, int type = TensorProto::FLOAT) {
    auto& in = *graph.add_input();
    in.set_name(name);
    auto& tensor = *in.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    for (Index extent : shape) {
      auto& dim = *tensor.mutable_shape()->add_dim();
      if (extent > 0)
        dim.set_dim_value(extent);
      else
        dim.set_dim_param("n");
    }
  }
  void output(const std::string& name) { graph.add_output()->set_name(name); }
  NodeProto& node_of(const std::string& type) {
    for (auto& n : *graph.mutable_node())
      if (n.op_type() == type) return n;
    FAIL("no node " << type);
    return *graph.mutable_node(0);
  }
  std::string bytes() const { return model.SerializeAsString(); }
};

void set(NodeProto& node, const std::string& name, Index value) {
  auto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(AttributeProto::INT);
  a.set_i(value);
}
void set(NodeProto& node, const std::string& name, const std::string& value) {
  auto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(AttributeProto::STRING);
  a.set_s(value);
}
void set_float(NodeProto& node, const std::string& name, float value) {
  auto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(AttributeProto::FLOAT);
  a.set_f(value);
}
void set(NodeProto& node, const std::string& name, const Shape& values) {
  auto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(AttributeProto::INTS);
  for (Index value : values) a.add_ints(value);
}

/// x (T, B, C) -> LSTM or GRU -> Squeeze -> MatMul -> Add -> y.
File small_graph(const std::string& cell = "LSTM") {
  const Index G = cell == "LSTM" ? 4 : 3;
  File file;
  file.input("x", {0, 0, kC});
  file.floats("W", {1, G * kH, kC});
  file.floats("R", {1, G * kH, kH});
  file.floats("B", {1, 2 * G * kH});
  file.floats("M", {kH, kK});
  file.floats("b", {kK});
  file.integers("axis", {1});
  NodeProto& rnn = file.node(cell, {"x", "W", "R", "B"}, {"Y", "Y_h"});
  set(rnn, "hidden_size", kH);
  if (cell == "GRU") set(rnn, "linear_before_reset", 1);
  file.node("Squeeze", {"Y", "axis"}, {"s"});
  file.node("MatMul", {"s", "M"}, {"m"});
  file.node("Add", {"m", "b"}, {"y"});
  file.output("y");
  return file;
}

/// y of a model, flat, for inputs that its sizes determine.
std::vector<float> outputs_of(const ModelDescription& description) {
  const InferenceModel<float> model(description);
  const Index B = 2, T = 3;
  auto state = model.initial_state(B);
  InferenceModel<float>::Workspace work;
  std::vector<float> x(static_cast<std::size_t>(model.input() * B * T));
  for (std::size_t n = 0; n < x.size(); ++n) x[n] = 0.25f * static_cast<float>(n % 7) - 0.5f;
  std::vector<std::int32_t> tokens;
  for (Index n = 0; n < model.input() * B * T; ++n) tokens.push_back(static_cast<std::int32_t>(n * 3 % 5));
  if (model.input() > 1) tokens[1] = kNoToken;
  const auto& y = model.takes_tokens() ? model.forward(tokens, B, T, state, work)
                                       : model.forward(Sequence<float>(model.input(), B, T, std::move(x)), state, work);
  return {y.data(), y.data() + y.size()};
}

/// A description with these modules and random weights, exact in float.
ModelDescription random_model(std::vector<Module> modules) {
  ModelDescription model{.modules = std::move(modules)};
  Rng rng(7);
  for (const Module& module : model.modules)
    std::visit(
        [&](const auto& part) {
          for (const auto& wanted : detail::wanted_tensors(part)) {
            std::vector<float> values(*detail::bytes_of_shape(wanted.shape, 1));
            for (float& v : values) v = static_cast<float>(rng.uniform()) - 0.5f;
            model.weights.add<float>(detail::tensor_name(module, wanted.name), wanted.shape, values);
          }
        },
        module.part);
  model.check();
  return model;
}

ModelDescription written_and_read(const ModelDescription& model) {
  const TemporaryFolder folder;
  write_onnx(folder / "m.onnx", model);
  return read_onnx(rondo_test::read_bytes(folder / "m.onnx"));
}

}  // namespace

TEST_CASE("Models written as ONNX are read with the same outputs") {
  const RecurrentConfig both{
      .input = 5, .hidden = 3, .layers = 2, .bidirectional = true, .learned_initial_state = true};
  const auto check = [](const std::vector<Module>& modules) {
    const ModelDescription model = random_model(modules);
    const ModelDescription again = written_and_read(model);
    CHECK(again.format == "ONNX");
    CHECK(again.warnings.empty());
    const auto wanted = outputs_of(model);
    CHECK(std::abs(std::accumulate(wanted.begin(), wanted.end(), 0.0f)) > 1e-3f);
    CHECK(outputs_of(again) == wanted);
  };
  for (CellType cell : {CellType::lstm, CellType::gru, CellType::peephole_lstm}) {
    INFO(name(cell));
    check({{"rnn", RecurrentModule{cell, both}}, {"fc", LinearModule{{6, 4, true}}}});
    check({{"embedding", EmbeddingModule{5, 5, 3}}, {"rnn", RecurrentModule{cell, {.input = 5, .hidden = 2}}}});
    check({{"embedding", EmbeddingModule{5, 5}},
           {"rnn", RecurrentModule{cell, {.input = 5, .hidden = 1, .bias = false}}}});
  }
  for (Activation a :
       {Activation::tanh, Activation::sigmoid, Activation::relu, Activation::elu, Activation::softplus}) {
    INFO(name(a));
    check({{"gain", GainModule{0.5}},
           {"", RecurrentModule{CellType::lstm, {.input = 5, .hidden = 3}}},
           {"skip", SkipModule{0}},
           {"a", ActivationModule{a}},
           {"fc", LinearModule{{3, 3, false}}},
           {"skip2", SkipModule{3}}});
  }
}

TEST_CASE("Several layers become several modules, with the gates in PyTorch's order") {
  const ModelDescription model = read_onnx(small_graph("GRU").bytes());
  REQUIRE(model.modules.size() == 2);
  CHECK(model.modules[0].name == "gru0");
  CHECK(model.modules[1].name == "linear1");
  const auto W = Safetensors::values<float>("W", model.weights.tensors.at("gru0.weight_ih_l0"));
  CHECK(W[0] == 0.1f + 0.01f * 6);  // r, the second block of ONNX
  CHECK(W[6] == 0.1f);              // z, the first
  CHECK(W[12] == 0.1f + 0.01f * 12);
}

TEST_CASE("DOUBLE, FLOAT16 and raw data are read") {
  File file = small_graph();
  const auto wanted = outputs_of(read_onnx(file.bytes()));
  for (auto& tensor : *file.graph.mutable_initializer()) {
    if (tensor.name() == "W") {
      tensor.set_raw_data(
          rondo_test::bytes_of(std::vector<float>(tensor.float_data().begin(), tensor.float_data().end())));
      tensor.clear_float_data();
    } else if (tensor.name() == "R") {
      tensor.set_data_type(TensorProto::DOUBLE);
      for (float v : tensor.float_data()) tensor.add_double_data(v);
      tensor.clear_float_data();
    }
  }
  CHECK(outputs_of(read_onnx(file.bytes())) == wanted);
  TensorProto& b = *file.graph.mutable_initializer(4);
  REQUIRE(b.name() == "b");
  b.set_data_type(TensorProto::FLOAT16);
  b.clear_float_data();
  for (int half : {0x3c00, 0xc000, 0x3800, 0x0000}) b.add_int32_data(half);
  const ModelDescription model = read_onnx(file.bytes());
  CHECK(Safetensors::values<float>("b", model.weights.tensors.at("linear1.bias")) ==
        std::vector<float>{1, -2, 0.5f, 0});
}

TEST_CASE("Batch first by the attribute layout, and the final state as the last step") {
  File file = small_graph();
  const auto wanted = outputs_of(read_onnx(file.bytes()));
  set(file.node_of("LSTM"), "layout", 1);  // Y: B x T x 1 x H
  file.graph.mutable_initializer(5)->set_int64_data(0, 2);
  CHECK(outputs_of(read_onnx(file.bytes())) == wanted);

  File last = small_graph();
  last.node_of("Squeeze").set_input(0, "Y_h");
  last.graph.mutable_initializer(5)->set_int64_data(0, 0);
  const ModelDescription model = read_onnx(last.bytes());
  CHECK(outputs_of(model) == wanted);
  REQUIRE(model.warnings.size() == 1);
  CHECK(model.warnings[0].find("last step") != std::string::npos);
}

TEST_CASE("Several ids per step: the embedding has a row of zeros for no id, and only one") {
  const ModelDescription model = random_model(
      {{"e", EmbeddingModule{5, 2, 3}}, {"rnn", RecurrentModule{CellType::lstm, {.input = 2, .hidden = 2}}}});
  const ModelDescription again = written_and_read(model), third = written_and_read(again);
  for (const ModelDescription* read : {&again, &third}) {
    const auto& embedding = std::get<EmbeddingModule>(read->modules[0].part);
    CHECK(embedding.ids_per_step == 3);
    CHECK(embedding.vocabulary == 6);
    const auto E = Safetensors::values<float>("E", read->weights.tensors.begin()->second);
    CHECK(E[10] == 0);
    CHECK(E[11] == 0);
    CHECK(outputs_of(*read) == outputs_of(model));
  }
}

TEST_CASE("Directions that the graph takes apart and joins, as tf2onnx does") {
  const auto graph = [](const Shape& order) {
    File file;
    file.input("x", {0, 0, kC});
    file.floats("W", {2, 4 * kH, kC});
    file.floats("R", {2, 4 * kH, kH});
    for (Index n = 0; n < 3; ++n) file.integers("i" + std::to_string(n), {n});
    NodeProto& rnn = file.node("LSTM", {"x", "W", "R"}, {"Y"});
    set(rnn, "hidden_size", kH);
    set(rnn, "direction", "bidirectional");
    Names parts;
    for (Index d : order) {
      const std::string from = "i" + std::to_string(d), to = "i" + std::to_string(d + 1), part = "p" + from;
      file.node("Slice", {"Y", from, to, "i1"}, {part});
      file.node("Squeeze", {part, "i1"}, {"s" + part});
      parts.push_back("s" + part);
    }
    set(file.node("Concat", parts, {"y"}), "axis", 2);
    file.output("y");
    return file;
  };
  File whole = graph({0, 1});
  whole.graph.mutable_node()->DeleteSubrange(1, 5);
  set(whole.node("Transpose", {"Y"}, {"t"}), "perm", Shape{0, 2, 1, 3});
  whole.integers("shape", {0, 0, 2 * kH});
  whole.node("Reshape", {"t", "shape"}, {"y"});
  const auto wanted = outputs_of(read_onnx(whole.bytes()));
  CHECK(wanted.size() == 2 * 3 * 2 * kH);
  CHECK(outputs_of(read_onnx(graph({0, 1}).bytes())) == wanted);
  for (const auto& [order, message] : {std::pair{Shape{1, 0}, "not consecutive"},
                                       {Shape{0}, "not the output of the last"},
                                       {Shape{1}, "not the output of the last"}})
    CHECK(error_message_of<file_error>([&] { read_onnx(graph(order).bytes()); }).find(message) != std::string::npos);
}

TEST_CASE("Arithmetic on tokens is followed for ids from 0 on, as tf2onnx writes an embedding of Keras") {
  // index = less * (x + V) + !less * x, with less = x < 0
  const auto graph = [](Index limit, Index added) {
    File file;
    file.input("x", {0, 0}, TensorProto::INT32);
    file.floats("W", {5, kC});
    file.floats("limit", {}, static_cast<float>(limit));
    file.integers("V", {added});
    const auto cast = [&](const std::string& from, const std::string& to, Index type) {
      set(file.node("Cast", {from}, {to}), "to", type);
    };
    cast("x", "float", TensorProto::FLOAT);
    file.node("Less", {"float", "limit"}, {"less"});
    file.node("Not", {"less"}, {"not"});
    cast("not", "not_int", TensorProto::INT32);
    cast("less", "less_int", TensorProto::INT32);
    file.node("Mul", {"x", "not_int"}, {"first"});
    file.node("Add", {"x", "V"}, {"sum"});
    file.node("Mul", {"less_int", "sum"}, {"second"});
    file.node("Add", {"second", "first"}, {"index"});
    file.node("Gather", {"W", "index"}, {"e"});
    file.floats("M", {kC, kK});
    file.node("MatMul", {"e", "M"}, {"y"});
    file.output("y");
    return file;
  };
  File plain = graph(0, 5);
  for (NodeProto& node : *plain.graph.mutable_node())
    if (node.op_type() == "Gather") node.set_input(1, "x");
  const ModelDescription model = read_onnx(graph(0, 5).bytes());
  CHECK(std::get<EmbeddingModule>(model.modules[0].part).vocabulary == 5);
  CHECK(outputs_of(model) == outputs_of(read_onnx(plain.bytes())));

  const auto message = [](const File& file) { return error_message_of<file_error>([&] { read_onnx(file.bytes()); }); };
  CHECK(message(graph(1, 5)).find("the_Less (Less): its result depends on the token") != std::string::npos);
  File shifted = graph(0, 5);
  shifted.node_of("Gather").set_input(1, "sum");
  CHECK(message(shifted).find("not the tokens of the input") != std::string::npos);
  File custom = graph(0, 5);
  custom.node_of("Less").set_domain("com.example");
  CHECK(message(custom).find("(com.example.Less): this operator") != std::string::npos);
  File product = graph(0, 5);
  product.node_of("Mul").set_input(1, "x");
  CHECK(message(product).find("depends on the token") != std::string::npos);
}

TEST_CASE("The axis of a single feature may be removed at the end") {
  File file = small_graph();
  file.floats("N", {kK, 1});
  file.integers("last", {2});
  file.node("MatMul", {"y", "N"}, {"z"});
  file.node("Squeeze", {"z", "last"}, {"flat"});
  file.graph.mutable_output(0)->set_name("flat");
  CHECK(read_onnx(file.bytes()).output() == 1);
}

TEST_CASE("Initial states: inputs are ignored with a warning, constants are learned") {
  File file = small_graph();
  file.input("h0", {1, 0, kH});
  NodeProto& lstm = file.node_of("LSTM");
  for (const char* name : {"", "h0", "h0"}) lstm.add_input(name);
  const ModelDescription ignored = read_onnx(file.bytes());
  REQUIRE(ignored.warnings.size() == 1);
  CHECK(ignored.warnings[0].find("h0") != std::string::npos);
  CHECK(outputs_of(ignored) == outputs_of(read_onnx(small_graph().bytes())));

  file.floats("c0", {1, 2, kH}).mutable_float_data()->Set(2, 0.1f);
  lstm.set_input(6, "c0");
  file.graph.mutable_initializer(6)->mutable_float_data()->Set(3, 0.11f);
  const ModelDescription learned = read_onnx(file.bytes());
  CHECK(std::get<RecurrentModule>(learned.modules[0].part).config.learned_initial_state);
  CHECK(Safetensors::values<float>("c0", learned.weights.tensors.at("lstm0.c0_l0")) == std::vector<float>{0.1f, 0.11f});
  CHECK(Safetensors::values<float>("h0", learned.weights.tensors.at("lstm0.h0_l0")) == std::vector<float>{0, 0});

  file.graph.mutable_initializer(6)->mutable_float_data()->Set(3, 0.12f);
  CHECK(error_message_of<file_error>([&] { read_onnx(file.bytes()); }).find("not the same for all") !=
        std::string::npos);
}

TEST_CASE("Graphs that Rondo cannot compute are refused by the name of the node") {
  struct Refusal {
    const char* message;
    std::function<void(File&)> change;
    const char* cell = "LSTM";
  };
  const auto insert = [](const std::string& type, const Names& more = {}) {
    return [=](File& f) {
      Names inputs{"y"};
      inputs.insert(inputs.end(), more.begin(), more.end());
      f.integers("ints", {0, -1, 2});
      f.integers("two", {2});
      f.floats("vector", {kK});
      f.node(type, inputs, {"z"});
      f.graph.mutable_output(0)->set_name("z");
    };
  };
  const std::vector<Refusal> refusals{
      {"node the_Softmax (Softmax): this operator is not supported", insert("Softmax")},
      {"node the_LeakyRelu (LeakyRelu): this operator", insert("LeakyRelu")},
      {"the_LSTM (LSTM): the direction reverse", [](File& f) { set(f.node_of("LSTM"), "direction", "reverse"); }},
      {"the attribute clip", [](File& f) { set_float(f.node_of("LSTM"), "clip", 1); }},
      {"input_forget", [](File& f) { set(f.node_of("LSTM"), "input_forget", 1); }},
      {"linear_before_reset = 0", [](File& f) { f.node_of("GRU").mutable_attribute(1)->set_i(0); }, "GRU"},
      {"only the standard activations",
       [](File& f) {
         auto& a = *f.node_of("LSTM").add_attribute();
         a.set_name("activations");
         for (const char* name : {"Sigmoid", "Relu", "Tanh"}) a.add_strings(name);
       }},
      {"hidden_size is 5, R has H = 2", [](File& f) { f.node_of("LSTM").mutable_attribute(0)->set_i(5); }},
      {"node the?LSTM (LSTM): input_forget",
       [](File& f) {
         f.node_of("LSTM").set_name("the\nLSTM");
         set(f.node_of("LSTM"), "input_forget", 1);
       }},
      {"sequence_lens",
       [](File& f) {
         f.integers("lengths", {3, 2});
         f.node_of("LSTM").add_input("lengths");
       }},
      {"initial_h is 1 x 1 x 3, wanted",
       [](File& f) {
         f.floats("h0", {1, 1, 3});
         f.node_of("LSTM").add_input("");
         f.node_of("LSTM").add_input("h0");
       }},
      {"initial_h is no constant, it comes from node the_RandomNormal (RandomNormal)",
       [](File& f) {
         File with = small_graph();
         f.graph.clear_node();
         f.node("RandomNormal", {}, {"h0"});
         for (const auto& n : with.graph.node()) *f.graph.add_node() = n;
         f.node_of("LSTM").add_input("");
         f.node_of("LSTM").add_input("h0");
       }},
      {"R is 1 x 7 x 2, wanted 1 x 8 x 2",
       [](File& f) {
         f.graph.mutable_initializer(1)->set_dims(1, 7);
         f.graph.mutable_initializer(1)->mutable_float_data()->Truncate(14);
       }},
      {"its input has 3 features, its matrix wants 4",
       [](File& f) {
         f.graph.mutable_initializer(0)->set_dims(2, 4);
         for (int n = 0; n < 8; ++n) f.graph.mutable_initializer(0)->add_float_data(0);
       }},
      {"W (input 1) is no constant",
       [](File& f) {
         f.graph.mutable_initializer(0)->set_name("unused");
         f.input("W", {1, 8, 3});
       }},
      {"the last axis of its input is not that of the features",
       [](File& f) {
         File with = small_graph();
         f.graph.clear_node();
         set(f.node("Transpose", {"x"}, {"turned"}), "perm", Shape{0, 2, 1});
         for (const auto& n : with.graph.node()) *f.graph.add_node() = n;
         f.node_of("LSTM").set_input(0, "turned");
       }},
      {"it may mix features", insert("Reshape", {"ints"})},
      {"it takes a part of its input", insert("Gather", {"two"})},
      {"it removes axis 2", insert("Squeeze", {"two"})},
      {"a constant can only be added to a linear layer without bias", insert("Add", {"vector"})},
      {"the factor is 4 numbers", insert("Mul", {"vector"})},
      {"does not depend on the input of the model",
       [](File& f) {
         f.node_of("MatMul").set_input(0, "M");
         f.node_of("MatMul").set_input(1, "s");
       }},
      {"the graph branches", insert("Add", {"m"})},
      {"the graph branches",
       [](File& f) {
         f.node("Tanh", {"m"}, {"z"});
         f.node("Add", {"z", "y"}, {"sum"});
         f.graph.mutable_output(0)->set_name("sum");
       }},
      {"is not defined before it", [](File& f) { f.node_of("MatMul").set_input(0, "nowhere"); }},
      {"output y is not defined", [](File& f) { f.node_of("Add").set_output(0, "other"); }},
      {"the value y is defined twice", [](File& f) { f.node("Identity", {"x"}, {"y"}); }},
      {"its last axis is not that of the features",
       [](File& f) { f.graph.mutable_output(0)->set_name("turned"), f.node("Transpose", {"y"}, {"turned"}); }},
      {"the constant W is in another file (external data)",
       [](File& f) { f.graph.mutable_initializer(0)->set_data_location(TensorProto::EXTERNAL); }},
      {"the constant W has 24 values, its shape wants 48",
       [](File& f) { f.graph.mutable_initializer(0)->set_dims(0, 2); }},
      {"the constant W has 4 bytes, its shape wants 96",
       [](File& f) { f.graph.mutable_initializer(0)->set_raw_data("abcd"); }},
      {"impossible shape", [](File& f) { f.graph.mutable_initializer(0)->set_dims(0, Index{1} << 62); }},
      {"impossible shape", [](File& f) { f.graph.mutable_initializer(0)->set_dims(0, -1); }},
      {"W (input 1) is no constant, it comes from the constant W",
       [](File& f) { f.graph.mutable_initializer(0)->set_data_type(TensorProto::INT8); }},
      {"(com.example.LSTM): this operator", [](File& f) { f.node_of("LSTM").set_domain("com.example"); }},
      {"alpha is 2", [&](File& f) { insert("Elu")(f), set_float(f.node_of("Elu"), "alpha", 2); }},
      {"opset 8 is not supported", [](File& f) { f.model.add_opset_import()->set_version(8); }},
      {"the graph has no output", [](File& f) { f.graph.clear_output(); }},
      {"the graph has no input", [](File& f) { f.graph.clear_input(); }},
      {"this is no ONNX file", [](File& f) { f.model.clear_graph(); }}};
  for (const Refusal& refusal : refusals) {
    File file = small_graph(refusal.cell);
    REQUIRE_NOTHROW(read_onnx(file.bytes()));
    refusal.change(file);
    const std::string message = error_message_of<file_error>([&] { read_onnx(file.bytes()); });
    INFO(refusal.message << " in: " << message);
    CHECK(message.find(refusal.message) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("Constants that double in size node by node are refused") {
  File file;
  file.input("x", {0, 0, kC});
  file.floats("c0", {1, 64});
  for (int n = 0; n < 40; ++n) {
    const std::string c = "c" + std::to_string(n);
    set(file.node("Concat", {c, c}, {"c" + std::to_string(n + 1)}), "axis", 1);
  }
  file.node("MatMul", {"x", "c40"}, {"y"});
  file.output("y");
  CHECK(error_message_of<file_error>([&] { read_onnx(file.bytes()); }).find("too large") != std::string::npos);
}

TEST_CASE("Damaged files throw file_error and nothing else") {
  const std::string bytes = small_graph("GRU").bytes();
  for (std::size_t length = 0; length < bytes.size(); ++length)
    CHECK_THROWS_AS(read_onnx(std::string_view(bytes).substr(0, length)), file_error);
  Rng rng(3);
  int refused = 0;
  for (int n = 0; n < 5000; ++n) {
    std::string damaged = bytes;
    for (int k = 0; k <= n % 3; ++k) {
      const auto at = static_cast<std::size_t>(rng.uniform() * static_cast<double>(bytes.size()));
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << (n % 8)));
    }
    try {
      read_onnx(damaged);
    } catch (const file_error&) {
      ++refused;
    }
  }
  CHECK(refused > 500);
  CHECK(refused < 5000);
}

TEST_CASE("A projection cannot be written, and a description without weights is refused") {
  const TemporaryFolder folder;
  const ModelDescription model =
      random_model({{"rnn", RecurrentModule{CellType::lstm, {.input = 3, .hidden = 4, .projection = 2}}}});
  CHECK(error_message_of<file_error>([&] {
          write_onnx(folder / "m.onnx", model);
        }).find("module rnn: the projection") != std::string::npos);
  ModelDescription empty{.modules = model.modules};
  CHECK_THROWS_AS(write_onnx(folder / "m.onnx", empty), file_error);
  CHECK_FALSE(std::filesystem::exists(folder / "m.onnx"));
}
