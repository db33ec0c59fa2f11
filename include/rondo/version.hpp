// SPDX-License-Identifier: MIT
// The version of Rondo; CMakeLists.txt reads these three lines.
#pragma once

#define RONDO_VERSION_MAJOR 0
#define RONDO_VERSION_MINOR 1
#define RONDO_VERSION_PATCH 0

/// The network: sequences, layers, losses, optimisers, files. Names are in the inline namespace of the interface
/// version, so that two versions can be linked into one program: `rondo::Lstm` is `rondo::v0::Lstm`.
namespace rondo {
inline namespace v0 {}
}  // namespace rondo
