// SPDX-License-Identifier: MIT
// The LSTM and GRU nodes of an ONNX graph as recurrent layers. Gates have the order i, o, f, g and z, r, n in ONNX and
// i, f, g, o and r, z, n in PyTorch. Legend: D directions, G gates; the rest as in model_description.hpp.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_node.hpp>
#include <rondo/io/formats/onnx_values.hpp>
#include <rondo/io/model_description.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Checks the attributes; returns the number of directions.
inline Index check_recurrent_attributes(const OnnxNode& node, bool gru) {
  static const std::set<std::string_view> kKnown{"hidden_size",         "direction",      "layout",
                                                 "linear_before_reset", "input_forget",   "activations",
                                                 "activation_alpha",    "activation_beta"};
  for (const auto& a : node.proto.attribute())
    if (!kKnown.contains(a.name())) node.fail("the attribute " + a.name().substr(0, 100) + " is not supported");
  const auto* direction = node.attribute("direction");
  if (direction && direction->s() != "forward" && direction->s() != "bidirectional")
    node.fail("the direction " + direction->s().substr(0, 100) + " is not supported");
  const Index D = direction && direction->s() == "bidirectional" ? 2 : 1;
  if (gru && node.integer("linear_before_reset", 0) == 0)
    node.fail("linear_before_reset = 0 is another cell (Keras: reset_after=False), which is not supported");
  if (node.integer("input_forget", 0) != 0) node.fail("input_forget is not supported");
  if (const auto* activations = node.attribute("activations")) {
    std::vector<std::string_view> standard;
    for (Index d = 0; d < D; ++d) {
      standard.insert(standard.end(), {"Sigmoid", "Tanh"});
      if (!gru) standard.push_back("Tanh");
    }
    if (!std::ranges::equal(activations->strings(), standard))
      node.fail("only the standard activations are supported, Sigmoid for gates and Tanh");
  }
  return D;
}

/// D x H numbers, or none for zeros. An input of the graph is ignored: sequences start from zeros.
inline std::optional<std::vector<double>> initial_state(const OnnxNode& node, std::size_t n, Index D, Index H,
                                                        bool batch_first, std::vector<std::string>& warnings) {
  const OnnxValue& value = node.input(n);
  const char* const what = n == 5 ? "initial_h" : "initial_c";
  if (value.is(OnnxValue::Kind::absent)) return std::nullopt;
  if (value.is(OnnxValue::Kind::state)) {
    const std::string warning = "the input " + value.origin + " of the graph is ignored: the state starts as zeros";
    if (std::ranges::find(warnings, warning) == warnings.end()) warnings.push_back(warning);
    return std::nullopt;
  }
  if (value.is(OnnxValue::Kind::fill)) {
    if (value.number == 0) return std::nullopt;
    return std::vector<double>(static_cast<std::size_t>(D * H), value.number);
  }
  if (!value.is(OnnxValue::Kind::constant))
    node.fail(concat(what, " is no constant", value.origin.empty() ? "" : ", it comes from " + value.origin));
  const OnnxTensor& tensor = *value.tensor;
  std::vector<Index> shape = tensor.shape;
  if (value.expanded && shape.size() < 3) shape.insert(shape.begin(), 3 - shape.size(), 1);
  const std::size_t d_axis = batch_first ? 1 : 0, b_axis = 1 - d_axis;
  const auto fits = [&](std::size_t axis, Index size) {
    return shape[axis] == size || (value.expanded && shape[axis] == 1);
  };
  if (shape.size() != 3 || !fits(d_axis, D) || !fits(2, H))
    node.fail(concat(what, " is ", extents_text(tensor.shape), ", wanted ", D, " directions, a batch, and H = ", H));
  const auto strides = strides_of(shape);
  const auto at = [&](Index d, Index b, Index k) {
    const Index index = (shape[d_axis] > 1 ? d * strides[d_axis] : 0) + b * strides[b_axis] + (shape[2] > 1 ? k : 0);
    return tensor.values[static_cast<std::size_t>(index)];
  };
  std::vector<double> state;
  for (Index d = 0; d < D; ++d)
    for (Index k = 0; k < H; ++k) {
      state.push_back(at(d, 0, k));
      for (Index b = 1; b < shape[b_axis]; ++b)
        if (at(d, b, k) != state.back()) node.fail(concat(what, " is not the same for all sequences of the batch"));
    }
  if (std::ranges::all_of(state, [](double v) { return v == 0; })) return std::nullopt;
  return state;
}

/// A recurrent layer: its module, and its tensors by name.
struct OnnxRecurrent {
  RecurrentModule part;
  std::map<std::string, OnnxTensor> tensors;
};

/// Gates of G x H x C numbers, or G x H if C is 0, in PyTorch's order.
inline OnnxTensor torch_gates(const double* from, Index G, Index H, Index C) {
  OnnxTensor gates{{G * H}, {}};
  if (C > 0) gates.shape.push_back(C);
  append_blocks(gates.values, from, H * std::max<Index>(C, 1),
                G == 3 ? std::vector<Index>{1, 0, 2} : std::vector<Index>{0, 2, 3, 1});
  return gates;
}

/// The layer of an LSTM or GRU node. Adds warnings about inputs that are ignored. Throws file_error.
inline OnnxRecurrent recurrent_layer(const OnnxNode& node, std::vector<std::string>& warnings) {
  using Kind = OnnxValue::Kind;
  const bool gru = node.type() == "GRU", batch_first = node.integer("layout", 0) != 0;
  const Index D = check_recurrent_attributes(node, gru), G = gru ? 3 : 4;
  const OnnxTensor &W = constant_input(node, 1, "W"), &R = constant_input(node, 2, "R");
  if (W.shape.size() != 3 || R.shape.size() != 3)
    node.fail("W is " + extents_text(W.shape) + " and R is " + extents_text(R.shape) + ", wanted three axes each");
  const Index C = W.shape[2], H = R.shape[2];
  constant_input(node, 1, "W", {D, G * H, C});
  constant_input(node, 2, "R", {D, G * H, H});
  if (node.integer("hidden_size", H) != H)
    node.fail(concat("hidden_size is ", node.integer("hidden_size", H), ", R has H = ", H));
  if (!node.input(4).is(Kind::absent)) node.fail("sequence_lens is not supported");
  const bool bias = !node.input(3).is(Kind::absent), peepholes = !gru && !node.input(7).is(Kind::absent);
  const auto h0 = initial_state(node, 5, D, H, batch_first, warnings);
  const auto c0 = gru ? std::nullopt : initial_state(node, 6, D, H, batch_first, warnings);
  const OnnxTensor* B = bias ? &constant_input(node, 3, "B", {D, 2 * G * H}) : nullptr;
  const OnnxTensor* P = peepholes ? &constant_input(node, 7, "P", {D, 3 * H}) : nullptr;

  OnnxRecurrent layer;
  layer.part.cell = gru ? CellType::gru : peepholes ? CellType::peephole_lstm : CellType::lstm;
  layer.part.config = {.input = C, .hidden = H, .bidirectional = D == 2, .bias = bias};
  layer.part.config.learned_initial_state = h0 || c0;
  for (Index d = 0; d < D; ++d) {
    const std::string end = d == 0 ? "_l0" : "_l0_reverse";
    layer.tensors["weight_ih" + end] = torch_gates(W.values.data() + d * G * H * C, G, H, C);
    layer.tensors["weight_hh" + end] = torch_gates(R.values.data() + d * G * H * H, G, H, H);
    if (bias) {
      layer.tensors["bias_ih" + end] = torch_gates(B->values.data() + 2 * d * G * H, G, H, 0);
      layer.tensors["bias_hh" + end] = torch_gates(B->values.data() + (2 * d + 1) * G * H, G, H, 0);
    }
    if (peepholes)  // H x 3, of i, f, o; ONNX: i, o, f
      for (Index k = 0; k < H; ++k)
        for (Index gate : {0, 2, 1}) {
          auto& [shape, values] = layer.tensors["peephole" + end];
          shape = {H, 3};
          values.push_back(P->values[static_cast<std::size_t>((3 * d + gate) * H + k)]);
        }
    const auto add_state = [&](const char* name, const std::optional<std::vector<double>>& state) {
      std::vector<double> values(static_cast<std::size_t>(H));
      if (state) std::copy_n(state->begin() + d * H, H, values.begin());
      layer.tensors[name + end] = {{H}, std::move(values)};
    };
    if (h0 || c0) add_state("h0", h0);
    if ((h0 || c0) && !gru) add_state("c0", c0);
  }
  return layer;
}

/// The values Y, Y_h and Y_c.
inline std::vector<OnnxValue> recurrent_outputs(const OnnxNode& node, OnnxValue y, Index D, Index H, bool batch_first) {
  const auto atoms = [](int id, Index size) { return size == 1 ? OnnxAxis{} : OnnxAxis{{id, size}}; };
  const OnnxAxis directions = atoms(H == 1 ? OnnxAtom::kFeatures : OnnxAtom::kDirections, D),
                 units = atoms(OnnxAtom::kFeatures, H);
  y.features = directions;
  y.features.insert(y.features.end(), units.begin(), units.end());
  const OnnxAxis time = y.axes[batch_first ? 1 : 0], batch = y.axes[batch_first ? 0 : 1];
  OnnxValue unknown{.kind = OnnxValue::Kind::unknown};
  unknown.origin = "a final state of " + node.text();
  OnnxValue last = D == 2 ? unknown : y;  // the reverse direction's is that of the first step
  last.axes = batch_first ? std::vector<OnnxAxis>{batch, {}, units} : std::vector<OnnxAxis>{{}, batch, units};
  y.axes = batch_first ? std::vector<OnnxAxis>{batch, time, directions, units}
                       : std::vector<OnnxAxis>{time, directions, batch, units};
  return {std::move(y), std::move(last), std::move(unknown)};
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI
