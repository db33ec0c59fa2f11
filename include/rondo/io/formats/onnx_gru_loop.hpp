// SPDX-License-Identifier: MIT
// A GRU of Keras, which tf2onnx writes as a Loop over time: each step takes x from the sequence and computes the
// equations of the cell node by node. The text of the loop's body is compared with that of the cell; every other loop
// is refused. Legend: as in model_description.hpp.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_chain.hpp>
#include <rondo/io/formats/onnx_folding.hpp>
#include <rondo/io/formats/onnx_loop_body.hpp>
#include <rondo/io/formats/onnx_node.hpp>
#include <rondo/io/formats/onnx_recurrent.hpp>
#include <rondo/io/formats/onnx_values.hpp>
#include <rondo/io/model_description.hpp>

#include <onnx/onnx_pb.h>

#include <string>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Reads one Loop node.
class OnnxGruLoop {
 public:
  /// outer: the values that are defined before the node. Throws file_error.
  OnnxGruLoop(const OnnxNode& node, OnnxFolding& folding, const OnnxLoopBody::Values& outer)
      : node_(node), carried_(carried_values(node)), body_(node, carried_, folding, outer) {
    for (int n = 0; n < carried_; ++n)
      if (body_.output(n + 1) == call("Add", "1", variable(n))) counter_ = variable(n), first_ = n + 2;
    for (int n = 0; n < carried_ && h_.empty(); ++n)
      if (!body_.factor_of(variable(n)).empty() && body_.output(n + 1) == (next_h_ = next_of(variable(n))))
        h_ = variable(n), initial_ = n + 2;
    if (counter_.empty() || h_.empty() || h_ == counter_ || body_.is_cast(h_) || !body_.sequence()) refuse();
    check_steps();
  }

  /// Appends the layer; returns the values of the outputs. Throws file_error.
  std::vector<OnnxValue> append(OnnxChain& chain) {
    const OnnxValue y = append_layer(chain);
    std::vector<OnnxValue> results;
    for (int n = 0; n < node_.proto.output_size(); ++n) {
      OnnxValue value{.kind = OnnxValue::Kind::unknown};
      value.origin = node_.text();
      const bool is_h = body_.output(n + 1) == next_h_;
      if (is_h) value = y;
      if (is_h && n < carried_) value.axes.erase(value.axes.begin());  // of the last step
      results.push_back(std::move(value));
    }
    return results;
  }

 private:
  static constexpr auto call = &OnnxLoopBody::call;
  static constexpr auto part = &OnnxLoopBody::part;
  static constexpr auto variable = &OnnxLoopBody::variable;

  [[noreturn]] void refuse(const std::string& why = "") const { OnnxLoopBody::refuse(node_, why); }

  /// Number of values that a step hands to the next.
  static int carried_values(const OnnxNode& node) {
    constexpr int kMost = 16;
    const auto* body = node.attribute("body");
    const int carried = node.proto.input_size() - 2;
    if (!body || carried < 2 || carried > kMost || body->g().input_size() != carried + 2 ||
        body->g().output_size() <= carried || body->g().output_size() > 2 * kMost ||
        node.proto.output_size() != body->g().output_size() - 1)
      OnnxLoopBody::refuse(node);
    return carried;
  }

  std::string x() const { return "x[" + counter_ + "]"; }
  std::string product(const std::string& factor) const {
    return "MatMul(" + factor + "," + body_.factor_of(factor) + ")";
  }
  std::string with_bias(const std::string& text) const {
    const std::string bias = body_.bias_of(text);
    return bias.empty() ? text : call("Add", text, bias);
  }

  /// The next h as an expression: z h + (1 - z) tanh(x_n + r h_n).
  std::string next_of(const std::string& h) const {
    const std::string xs = with_bias(product(x())), hs = with_bias(product(h));
    const std::string z = "Sigmoid(" + call("Add", part(xs, 0), part(hs, 0)) + ")",
                      r = "Sigmoid(" + call("Add", part(xs, 1), part(hs, 1)) + ")",
                      n = "Tanh(" + call("Add", part(xs, 2), call("Mul", r, part(hs, 2))) + ")";
    return call("Add", call("Mul", z, h), call("Mul", call("Sub", "1", z), n));
  }

  /// The loop has a step for each element of the sequence, from the first on, and starts from zeros.
  void check_steps() {
    const OnnxValue &trip = node_.input(0), &h = node_.input(static_cast<std::size_t>(initial_));
    const auto& axes = body_.sequence()->axes;
    const OnnxExtent time = axes.empty() ? OnnxExtent{} : onnx_extent(axes[0]);
    if (!trip.is(OnnxValue::Kind::extents) || trip.extents.size() != 1 || trip.extents[0].factor != time.factor ||
        trip.extents[0].unknown != time.unknown)
      refuse("it does not run over all steps");
    if (node_.numbers(static_cast<std::size_t>(first_)) != std::vector<Index>{0})
      refuse("it does not start with the first step");
    if (!h.is(OnnxValue::Kind::fill) || h.number != 0) refuse("its initial state is not zeros");

    const bool starts = node_.input(1).is(OnnxValue::Kind::absent) || node_.numbers(1) == std::vector<Index>{1};
    const std::string T = body_.text_of(trip), next = call("Less", call("Add", "1", counter_), T);
    const std::string condition = body_.output(0);
    if (!starts ||
        (condition != "condition" && condition != next && condition != call("And", next, call("Less", "step", T))))
      refuse("its condition is not that there is another step");
  }

  /// T x B x H.
  OnnxValue append_layer(OnnxChain& chain) {
    const OnnxNode input{node_.proto, {body_.sequence()}};
    const OnnxValue& sequence = chain.current_features(input, 0);
    if (sequence.axes.size() != 3) refuse("its input has not the axes time, batch and features");
    chain.set_axes(node_, sequence.axes[0], sequence.axes[1]);
    const OnnxTensor *W = body_.constant(body_.factor_of(x())), *R = body_.constant(body_.factor_of(h_));
    if (!W || !R) refuse();
    const Index C = W->shape[0], H = R->shape[0];  // W: C x 3H, R: H x 3H
    if (W->shape[1] != 3 * H || R->shape[1] != 3 * H)
      refuse("its matrices are " + extents_text(W->shape) + " and " + extents_text(R->shape));
    check_features(node_, sequence, C);
    const auto bias = [&](const std::string& factor) {
      const OnnxTensor* b = body_.constant(body_.bias_of(product(factor)));
      const std::vector<double> zeros(static_cast<std::size_t>(3 * H));
      if (b && (b->values.size() != zeros.size() || b->shape.back() != 3 * H)) refuse("a bias has not 3H numbers");
      return torch_gates(b ? b->values.data() : zeros.data(), 3, H, 0);
    };
    const auto gates = [&](const OnnxTensor& matrix, Index rows) {
      return torch_gates(strided(matrix, {3 * H, rows}, {1, 3 * H}, 0).values.data(), 3, H, rows);
    };
    const std::pair<const char*, OnnxTensor> tensors[] = {{"weight_ih_l0", gates(*W, C)},
                                                          {"weight_hh_l0", gates(*R, H)},
                                                          {"bias_ih_l0", bias(x())},
                                                          {"bias_hh_l0", bias(h_)}};
    const OnnxValue y = chain.append(sequence, "gru", RecurrentModule{CellType::gru, {.input = C, .hidden = H}}, H);
    for (const auto& [name, tensor] : tensors) chain.add_tensor(name, tensor.shape, tensor.values);
    return y;
  }

  const OnnxNode& node_;
  int carried_, first_ = 0, initial_ = 0;  // inputs of the node with the first counter and h
  OnnxLoopBody body_;
  std::string counter_, h_;  // v0, v1, ...
  std::string next_h_;       // as an expression
};

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI
