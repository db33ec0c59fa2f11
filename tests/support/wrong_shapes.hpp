// SPDX-License-Identifier: MIT
// Calls with wrong shapes: a table of a call's dimensions, and a function that creates its arguments and calls it. Each
// dimension in turn is one too large and one too small; shape_error must name the function each time. Every argument is
// a separate block of memory, so that AddressSanitizer detects a check that comes too late.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <rondo/core/error.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/recurrent_state.hpp>

#include "support/catch.hpp"

namespace rondo_test {

using namespace rondo;

struct Dimension {
  const char* name;  // "argument.dimension"
  Index right;
};

using Sizes = std::vector<Index>;

/// The message of the exception that the call throws, or "".
inline std::string message_of(const std::function<void(const Sizes&)>& call, const Sizes& sizes) {
  try {
    call(sizes);
  } catch (const shape_error& thrown) {
    return thrown.what();
  }
  return "";
}

/// With the right sizes the call throws nothing; with each of them wrong the message starts with `who`.
inline void check(const std::string& who, const std::vector<Dimension>& dimensions,
                  const std::function<void(const Sizes&)>& call) {
  INFO(who);
  Sizes right;
  for (const Dimension& d : dimensions) right.push_back(d.right);
  REQUIRE(message_of(call, right) == "");
  for (std::size_t i = 0; i < dimensions.size(); ++i)
    for (Index wrong : {right[i] + 1, right[i] - 1}) {
      Sizes sizes = right;
      sizes[i] = wrong;
      const std::string message = message_of(call, sizes);
      INFO(dimensions[i].name << " = " << wrong << " throws \"" << message << "\"");
      CHECK(message.substr(0, who.size()) == who);
      CHECK(message.find_first_of("0123456789", who.size()) != std::string::npos);  // the actual size
    }
}

/// A call that is wrong without further changes.
inline void check_wrong(const std::string& who, const std::function<void()>& call) {
  const std::string message = message_of([&](const Sizes&) { call(); }, {});
  INFO(who << " throws \"" << message << "\"");
  CHECK(message.substr(0, who.size()) == who);
}

template <class Scalar>
Sequence<Scalar> zeros(Index C, Index B, Index T, const std::vector<Index>& lengths = {}) {
  Sequence<Scalar> x(C, B, T);
  x.set_zero();
  x.set_lengths(lengths);
  return x;
}

constexpr Index kC = 3, kH = 5, kB = 2, kT = 4, kV = 6;

template <class Scalar>
RecurrentState<Scalar> state_of(Index P, Index B, Index n, Index H, Index c_B, Index c_n) {
  return {zeros<Scalar>(P, B, n), zeros<Scalar>(H, c_B, c_n)};
}

/// `dimensions` and those of a state (or its gradient): three of h, and three of c for cells with c.
template <class Cell>
std::vector<Dimension> with_state(std::vector<Dimension> dimensions, Index P, Index passes) {
  dimensions.insert(dimensions.end(), {{"h.P", P}, {"h.B", kB}, {"h.L*D", passes}});
  if (Cell::kHasC) dimensions.insert(dimensions.end(), {{"c.H", kH}, {"c.B", kB}, {"c.L*D", passes}});
  return dimensions;
}

/// The state whose dimensions start at index `n`.
template <class Cell, class Scalar>
RecurrentState<Scalar> state_at(const Sizes& s, std::size_t n) {
  if (!Cell::kHasC) return state_of<Scalar>(s[n], s[n + 1], s[n + 2], 0, s[n + 1], s[n + 2]);
  return state_of<Scalar>(s[n], s[n + 1], s[n + 2], s[n + 3], s[n + 4], s[n + 5]);
}

}  // namespace rondo_test
