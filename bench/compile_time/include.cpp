// SPDX-License-Identifier: MIT
// Includes the headers without using them.
#include <rondo/rondo.hpp>

int main() {}
