// SPDX-License-Identifier: MIT
// The one place that states Rondo's version; CMakeLists.txt reads these three lines.
#pragma once

#define RONDO_VERSION_MAJOR 0
#define RONDO_VERSION_MINOR 1
#define RONDO_VERSION_PATCH 0

// Every name lives in the inline namespace of its interface version, so that two versions linked into one program
// keep apart: `rondo::Lstm` is `rondo::v0::Lstm`.
namespace rondo {
inline namespace v0 {}
}  // namespace rondo
