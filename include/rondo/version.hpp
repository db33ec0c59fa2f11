// SPDX-License-Identifier: MIT
// The version, stated once (CMakeLists.txt reads these three lines), and the name of the ABI.
#pragma once

#define RONDO_VERSION_MAJOR 0
#define RONDO_VERSION_MINOR 1
#define RONDO_VERSION_PATCH 0

// Every name is in an inline namespace: `rondo::midi::Note` is `rondo::v0::midi::Note`. Two versions linked into one
// program then have different symbols.
//
// The network's namespace also names how its operations are compiled, since inline functions differ between these ways.
// Object files that were compiled in different ways and exchange a type of the network do not link.
//
//   v0_compiled  RONDO_COMPILED is defined (CMake: rondo::nn): operations are declared here and defined in a library,
//                which alone decides whether threads exist
//   v0_openmp    header-only, with OpenMP
//   v0_header    header-only, without OpenMP
#if defined(RONDO_COMPILED)
#define RONDO_ABI v0_compiled
#define RONDO_INLINE  // functions that are no templates: the library defines them once
#else
#if defined(_OPENMP)
#define RONDO_ABI v0_openmp
#else
#define RONDO_ABI v0_header
#endif
#define RONDO_INLINE inline
#endif

namespace rondo {
inline namespace v0 {}
inline namespace RONDO_ABI {}
}  // namespace rondo
