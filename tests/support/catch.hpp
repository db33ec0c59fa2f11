// SPDX-License-Identifier: MIT
// Catch2, version 2 (Debian's package) or 3, under one include; `Approx` by its version-2 name.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
