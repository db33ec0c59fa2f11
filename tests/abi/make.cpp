// SPDX-License-Identifier: MIT
// The first of two files of one program that share a network.
#include <rondo/layers/lstm.hpp>

long count_parameters(const rondo::Lstm<float>& lstm);

int main() {
  rondo::Rng rng(1);
  const rondo::Lstm<float> lstm({.input = 2, .hidden = 3}, rng);
  return count_parameters(lstm) == 4 * 3 * (2 + 3 + 1) ? 0 : 1;
}
