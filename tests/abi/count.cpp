// SPDX-License-Identifier: MIT
// The second of two files of one program that share a network.
#include <rondo/layers/lstm.hpp>

long count_parameters(const rondo::Lstm<float>& lstm) {
  long count = 0;
  lstm.for_each_parameter([&](const rondo::Path&, const auto& p) { count += p.size(); });
  return count;
}
