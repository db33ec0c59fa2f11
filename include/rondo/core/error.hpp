// SPDX-License-Identifier: MIT
// What the network throws. A message says who speaks, what it got and what it wanted, in named dimensions:
// `Lstm::forward: x is 88 x 16 x 64 (C x B x T), this layer wants C = 89`.
#pragma once

#include <rondo/version.hpp>

#include <sstream>
#include <stdexcept>
#include <string>

namespace rondo::inline RONDO_ABI {

/// Base of everything that the network throws.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A shape does not fit: a mistake of the calling code.
class shape_error : public error {
 public:
  using error::error;
};

/// A file cannot be read or written, or holds something else than was asked for.
class file_error : public error {
 public:
  using error::error;
};

namespace detail {

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace detail

/// Throws shape_error with the parts joined, unless `fits`. The parts are only formatted when it throws.
template <class... Parts>
void require_shape(bool fits, const Parts&... parts) {
  if (!fits) [[unlikely]]
    throw shape_error(detail::concat(parts...));
}

}  // namespace rondo::inline RONDO_ABI
