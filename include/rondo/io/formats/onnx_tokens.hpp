// SPDX-License-Identifier: MIT
// Arithmetic on the tokens of an ONNX graph. tf2onnx writes an embedding of Keras with the index x < 0 ? x + V : x, as
// Less, Not, Cast, Mul and Add. Every such value is followed as slope * id + offset, exactly, for all ids from 0 on.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_node.hpp>
#include <rondo/io/formats/onnx_values.hpp>

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// slope * id + offset.
struct OnnxTokenTerm {
  Index slope = 0, offset = 0;
};

/// Input n: tokens, or a constant that is one integer. Throws file_error.
inline OnnxTokenTerm token_term(const OnnxNode& node, std::size_t n) {
  constexpr double kLargest = 1e9;
  using Kind = OnnxValue::Kind;
  const OnnxValue& x = node.input(n);
  std::optional<double> number;
  if (x.is(Kind::data) && x.tokens) return {x.slope, x.offset};
  if (x.is(Kind::fill)) number = x.number;
  if (x.is(Kind::constant) && x.tensor->values.size() == 1) number = x.tensor->values[0];
  if (const auto integers = node.numbers(n); integers && integers->size() == 1)
    number = static_cast<double>((*integers)[0]);
  if (!number || *number != std::floor(*number) || std::abs(*number) > kLargest)
    node.fail("it computes with tokens and something else than one integer");
  return {0, static_cast<Index>(*number)};
}

/// The value of a node that computes with tokens element by element; none for other operators. Throws file_error.
inline std::optional<OnnxValue> token_arithmetic(const OnnxNode& node) {
  const auto of = [&](std::size_t n) { return token_term(node, n); };
  const auto known = [&](const OnnxTokenTerm& term) {
    if (term.slope != 0) node.fail("its result depends on the token");
    return term.offset;
  };
  const std::string& type = node.type();
  OnnxTokenTerm y;
  if (type == "Add" || type == "Sub") {
    const Index sign = type == "Add" ? 1 : -1;
    y = {of(0).slope + sign * of(1).slope, of(0).offset + sign * of(1).offset};
  } else if (type == "Mul") {
    const bool swap = of(0).slope != 0;
    const OnnxTokenTerm x = of(swap ? 0 : 1);
    const Index factor = known(of(swap ? 1 : 0));
    y = {factor * x.slope, factor * x.offset};
  } else if (type == "Less") {
    const OnnxTokenTerm difference{of(1).slope - of(0).slope, of(1).offset - of(0).offset};
    const bool always = difference.slope >= 0 && difference.offset > 0;
    const bool never = difference.slope <= 0 && difference.offset <= 0;
    if (!always && !never) node.fail("its result depends on the token");
    y.offset = always;
  } else if (type == "Not") {
    y.offset = known(of(0)) == 0;
  } else if (type == "Where") {
    y = of(known(of(0)) != 0 ? 1 : 2);
  } else if (type == "Cast") {
    using Proto = ::onnx::TensorProto;
    const Index to = node.integer("to", 0);
    y = of(0);
    if (to == Proto::BOOL) y.offset = known(y) != 0;
    if (to != Proto::BOOL && to != Proto::INT64 && to != Proto::INT32 && to != Proto::FLOAT && to != Proto::DOUBLE)
      node.fail("it converts tokens to numbers of another kind");
  } else {
    return std::nullopt;
  }
  constexpr Index kLargest = Index{1} << 30;
  if (std::max(std::abs(y.slope), std::abs(y.offset)) > kLargest) node.fail("it computes numbers that are too large");

  const OnnxValue* first = nullptr;
  for (const OnnxValue* x : node.inputs) {
    if (!x->is(OnnxValue::Kind::data)) continue;
    if (!x->tokens || (first && x->axes != first->axes)) node.fail("it computes with tokens and other data");
    first = x;
  }
  OnnxValue result = *first;
  result.slope = y.slope;
  result.offset = y.offset;
  return result;
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI
