// SPDX-License-Identifier: MIT
// Counts the allocations of a program. Link allocation_counter.cpp only into the program that counts.
#pragma once

#include <cstddef>

namespace rondo_test {

/// Number of calls so far of operator new in all its forms and, with glibc or a sanitizer, of malloc and related
/// functions, which Eigen uses.
std::size_t allocations();

/// Total bytes requested, freed or not.
std::size_t allocated_bytes();

/// Whether malloc itself is counted.
bool counts_malloc();

}  // namespace rondo_test
