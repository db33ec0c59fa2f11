// SPDX-License-Identifier: MIT
// Writes a model description as an ONNX graph of standard operators (opset 14). ONNX has the gates of an LSTM in the
// order i, o, f, g and those of a GRU in the order z, r, n; PyTorch's are i, f, g, o and r, z, n. See
// docs/12-model-files.md. Legend: D directions, G gates; the rest as in model_description.hpp.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_values.hpp>
#include <rondo/io/model_description.hpp>
#include <rondo/io/replace_file.hpp>

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

class OnnxWriter {
 public:
  explicit OnnxWriter(const ModelDescription& model) : model_(model) {}

  std::string write() {
    file_.set_ir_version(8);
    file_.set_producer_name("rondo");
    auto& opset = *file_.add_opset_import();
    opset.set_domain("");
    opset.set_version(14);
    graph_.set_name("rondo");
    const bool tokens = model_.takes_tokens(), single = tokens && model_.input() == 1;
    std::vector<std::string> points{"x"};  // the input of the model, then the output of each module
    declare(*graph_.add_input(), "x", tokens ? ::onnx::TensorProto::INT64 : ::onnx::TensorProto::FLOAT,
            single ? 0 : model_.input());
    for (std::size_t n = 0; n < model_.modules.size(); ++n) {
      const Module& module = model_.modules[n];
      prefix_ = concat(n, module.name.empty() ? "" : "_" + module.name);
      points.push_back(std::visit([&](const auto& part) { return add(module, part, points); }, module.part));
    }
    node("Identity", {points.back()}, "y");
    declare(*graph_.add_output(), "y", ::onnx::TensorProto::FLOAT, model_.output());
    constexpr std::size_t kLargest = std::numeric_limits<int>::max();  // of protobuf
    std::string bytes;
    if (file_.ByteSizeLong() > kLargest || !file_.SerializeToString(&bytes))
      throw file_error("ONNX: the model has more than 2 GB, the largest size of a file without external data");
    return bytes;
  }

 private:
  static constexpr Index kFeatures = 2;  // axis of T x B x C

  using Shape = std::vector<Index>;
  using Points = std::vector<std::string>;

  /// An input or output, T x B x features; T x B if features is 0.
  static void declare(::onnx::ValueInfoProto& value, const char* name, ::onnx::TensorProto::DataType type,
                      Index features) {
    value.set_name(name);
    auto& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    auto& shape = *tensor.mutable_shape();
    shape.add_dim()->set_dim_param("T");
    shape.add_dim()->set_dim_param("B");
    if (features > 0) shape.add_dim()->set_dim_value(features);
  }

  /// Adds a node with one output; returns the name of the output.
  std::string node(const char* type, const Points& inputs, const std::string& output) {
    last_ = graph_.add_node();
    last_->set_op_type(type);
    last_->set_name(output + "/" + type);
    for (const std::string& input : inputs) last_->add_input(input);
    last_->add_output(output);
    return output;
  }

  void attribute(const char* name, Index value) {
    auto& a = *last_->add_attribute();
    a.set_name(name);
    a.set_type(::onnx::AttributeProto::INT);
    a.set_i(value);
  }
  void attribute(const char* name, const Shape& values) {
    auto& a = *last_->add_attribute();
    a.set_name(name);
    a.set_type(::onnx::AttributeProto::INTS);
    for (Index value : values) a.add_ints(value);
  }

  /// Adds a constant of floats; returns its name.
  std::string constant(const std::string& name, const Shape& shape, const std::vector<double>& values) {
    std::vector<float> floats;
    floats.reserve(values.size());
    for (double value : values) floats.push_back(static_cast<float>(value));
    return add_constant(name, shape, ::onnx::TensorProto::FLOAT, to_little_endian(std::span<const float>(floats)));
  }
  /// Adds a list of integers; returns its name.
  std::string integers(const std::string& name, const Shape& values) {
    const std::vector<std::int64_t> all(values.begin(), values.end());
    return add_constant(name, {static_cast<Index>(all.size())}, ::onnx::TensorProto::INT64,
                        to_little_endian(std::span<const std::int64_t>(all)));
  }
  std::string add_constant(const std::string& name, const Shape& shape, ::onnx::TensorProto::DataType type,
                           std::string bytes) {
    auto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (Index extent : shape) tensor.add_dims(extent);
    tensor.set_raw_data(std::move(bytes));
    return name;
  }

  /// The values of a tensor of a module. Throws file_error.
  std::vector<double> values(const Module& module, const std::string& name, const Shape& shape) const {
    return values_of<double>(model_.weights, tensor_name(module, name), shape);
  }
  bool has(const Module& module, const std::string& name) const {
    return model_.weights.tensors.contains(tensor_name(module, name));
  }

  std::string add(const Module& module, const RecurrentModule& part, const Points& points) {
    if (part.config.projection > 0)
      throw file_error("module " + module.name + ": the projection cannot be written, ONNX's LSTM has none");
    std::string x = points.back();
    const std::string prefix = prefix_;
    for (Index l = 0; l < part.config.layers; ++l) {
      prefix_ = part.config.layers > 1 ? prefix + "_l" + std::to_string(l) : prefix;
      x = add_layer(module, part, l, x);
    }
    return x;
  }

  /// One layer of all directions.
  std::string add_layer(const Module& module, const RecurrentModule& part, Index l, const std::string& x) {
    const RecurrentConfig& c = part.config;
    const bool gru = part.cell == CellType::gru, peepholes = part.cell == CellType::peephole_lstm;
    const Index H = c.hidden, D = c.directions(), G = gru ? 3 : 4, C = l == 0 ? c.input : D * H;
    const std::vector<Index> order = gru ? std::vector<Index>{1, 0, 2} : std::vector<Index>{0, 3, 1, 2};
    std::vector<double> W, R, B, P, h0, c0;  // D x GH x C, D x GH x H, D x 2GH, D x 3H, D x 1 x H, D x 1 x H
    for (Index d = 0; d < D; ++d) {
      const std::string end = "_l" + std::to_string(l) + (d == 1 ? "_reverse" : "");
      append_blocks(W, values(module, "weight_ih" + end, {G * H, C}).data(), H * C, order);
      append_blocks(R, values(module, "weight_hh" + end, {G * H, H}).data(), H * H, order);
      for (const char* name : {"bias_ih", "bias_hh"}) {
        const bool zero = !c.bias || !has(module, name + end);
        append_blocks(
            B,
            (zero ? std::vector<double>(static_cast<std::size_t>(G * H)) : values(module, name + end, {G * H})).data(),
            H, order);
      }
      if (peepholes) {
        const auto p = values(module, "peephole" + end, {H, 3});  // of i, f, o; ONNX: i, o, f
        for (Index gate : {0, 2, 1})
          for (Index k = 0; k < H; ++k) P.push_back(p[static_cast<std::size_t>(3 * k + gate)]);
      }
      if (c.learned_initial_state) {
        append_blocks(h0, values(module, "h0" + end, {H}).data(), H, {0});
        if (!gru) append_blocks(c0, values(module, "c0" + end, {H}).data(), H, {0});
      }
    }
    Points inputs{x, constant(prefix_ + ".W", {D, G * H, C}, W), constant(prefix_ + ".R", {D, G * H, H}, R),
                  constant(prefix_ + ".B", {D, 2 * G * H}, B), ""};
    if (c.learned_initial_state) {
      inputs.push_back(repeat_state(prefix_ + ".h0", h0, D, H));
      if (!gru) inputs.push_back(repeat_state(prefix_ + ".c0", c0, D, H));
    }
    if (peepholes) {
      inputs.resize(7);
      inputs.push_back(constant(prefix_ + ".P", {D, 3 * H}, P));
    }
    const std::string y = node(gru ? "GRU" : "LSTM", inputs, prefix_ + ".directions");  // T x D x B x H
    attribute("hidden_size", H);
    if (gru) attribute("linear_before_reset", 1);
    auto& direction = *last_->add_attribute();
    direction.set_name("direction");
    direction.set_type(::onnx::AttributeProto::STRING);
    direction.set_s(D == 2 ? "bidirectional" : "forward");
    const std::string swapped = node("Transpose", {y}, prefix_ + ".transposed");  // T x B x D x H
    attribute("perm", Shape{0, 2, 1, 3});
    return node("Reshape", {swapped, integers(prefix_ + ".shape", {0, 0, D * H})}, prefix_);  // T x B x DH
  }

  /// An initial state D x 1 x H, repeated to D x B x H.
  std::string repeat_state(const std::string& name, const std::vector<double>& values, Index D, Index H) {
    if (batch_.empty()) {
      const std::string shape = node("Shape", {"x"}, "x.shape");
      batch_ = node("Gather", {shape, integers("x.batch_axis", {1})}, "x.batch");
    }
    const std::string shape =
        node("Concat", {integers(name + ".D", {D}), batch_, integers(name + ".H", {H})}, name + ".shape");
    attribute("axis", 0);
    return node("Expand", {constant(name, {D, 1, H}, values), shape}, name + ".repeated");
  }

  std::string add(const Module& module, const LinearModule& part, const Points& points) {
    const Index C = part.config.input, K = part.config.output;
    const auto W = values(module, "weight", {K, C});
    std::vector<double> transposed;  // C x K
    transposed.reserve(W.size());
    for (Index k = 0; k < C; ++k)
      for (Index i = 0; i < K; ++i) transposed.push_back(W[static_cast<std::size_t>(i * C + k)]);
    const std::string product = part.config.bias ? prefix_ + ".product" : prefix_;
    node("MatMul", {points.back(), constant(prefix_ + ".W", {C, K}, transposed)}, product);
    if (!part.config.bias) return product;
    return node("Add", {product, constant(prefix_ + ".b", {K}, values(module, "bias", {K}))}, prefix_);
  }

  std::string add(const Module& module, const EmbeddingModule& part, const Points& points) {
    Shape shape{part.vocabulary, part.features};
    auto W = values(module, "weight", shape);
    if (part.ids_per_step == 1) return node("Gather", {constant(prefix_ + ".W", shape, W), points.back()}, prefix_);
    // kNoToken is -1, which is the last row for Gather: that has to be zeros.
    const auto is_zero = [](double v) { return v == 0; };
    if (part.vocabulary == 0 || !std::all_of(W.end() - part.features, W.end(), is_zero)) {
      W.resize(W.size() + static_cast<std::size_t>(part.features));
      ++shape[0];
    }
    const std::string each = node("Gather", {constant(prefix_ + ".W", shape, W), points.back()}, prefix_ + ".each");
    const std::string sum = node("ReduceSum", {each, integers(prefix_ + ".ids", {kFeatures})}, prefix_);
    attribute("keepdims", Index{0});
    return sum;  // T x B x D
  }

  std::string add(const Module&, const ActivationModule& part, const Points& points) {
    constexpr const char* kTypes[] = {"Tanh", "Sigmoid", "Relu", "Elu", "Softplus"};
    return node(kTypes[static_cast<int>(part.activation)], {points.back()}, prefix_);
  }

  std::string add(const Module&, const GainModule& part, const Points& points) {
    return node("Mul", {points.back(), constant(prefix_ + ".factor", {}, {part.factor})}, prefix_);
  }

  /// x + (features 0..K-1 of an earlier point); the Slice is there also if these are all features.
  std::string add(const Module&, const SkipModule& part, const Points& points) {
    const ModelDescription before{.modules = {model_.modules.begin(), model_.modules.begin() + std::ssize(points) - 1}};
    const Index K = before.output() > 0 ? before.output() : model_.input();
    const std::string start = node("Slice",
                                   {points.at(part.from), integers(prefix_ + ".first", {0}),
                                    integers(prefix_ + ".end", {K}), integers(prefix_ + ".axis", {kFeatures})},
                                   prefix_ + ".start");
    return node("Add", {points.back(), start}, prefix_);
  }

  const ModelDescription& model_;
  ::onnx::ModelProto file_;
  ::onnx::GraphProto& graph_ = *file_.mutable_graph();
  ::onnx::NodeProto* last_ = nullptr;
  std::string prefix_;  // of the names of the module
  std::string batch_;   // name of the list with B
};

}  // namespace detail

/// Writes a model as an ONNX file of opset 14, atomically. Input "x": T x B x C floats; for a model that starts with an
/// embedding T x B tokens (int64), or T x B x N with N ids per step, where -1 is none. Output "y": T x B x K. T and B
/// are dynamic. Weights are written as float: those that a description has as double are rounded. Initial states are
/// zero unless the model has learned ones.
///
/// Throws file_error if tensors of the description are missing or have other shapes, for a projection, which ONNX's
/// LSTM does not have, for a model of more than 2 GB, and if the file cannot be written.
inline void write_onnx(const std::filesystem::path& path, const ModelDescription& model) {
  ModelDescription checked = model;
  checked.check();
  replace_file(path, detail::OnnxWriter(checked).write());
}

}  // namespace rondo::inline RONDO_ABI
