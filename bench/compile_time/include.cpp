// SPDX-License-Identifier: MIT
// The headers, unused.
#include <rondo/rondo.hpp>

int main() {}
