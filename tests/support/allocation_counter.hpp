// SPDX-License-Identifier: MIT
// How often this program has asked for memory. Link allocation_counter.cpp into the one program that counts.
#pragma once

#include <cstddef>

namespace rondo_test {

/// Calls so far of operator new in all its forms and, with glibc or a sanitizer, of malloc and its relatives, which
/// Eigen uses.
std::size_t allocations();

/// Bytes that they asked for, freed or not.
std::size_t allocated_bytes();

/// Whether malloc itself is counted here.
bool counts_malloc();

}  // namespace rondo_test
