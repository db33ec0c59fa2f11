// SPDX-License-Identifier: MIT
// Exceptions of the network. A message names the function, the actual and the expected shape, in named dimensions:
// `Linear::forward: x is 88 x 16 x 64 (C x B x T), this layer wants C = 89`.
#pragma once

#include <rondo/version.hpp>

#include <sstream>
#include <stdexcept>
#include <string>

/// The network: sequences, layers, losses, optimisers, files.
namespace rondo::inline RONDO_ABI {

/// Base class of the network's exceptions.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A shape mismatch, caused by the caller.
class shape_error : public error {
 public:
  using error::error;
};

/// A file cannot be read or written, or has unexpected content.
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

/// Throws shape_error unless `fits`. The message is the parts, joined; they are formatted only when it throws.
template <class... Parts>
void require_shape(bool fits, const Parts&... parts) {
  if (!fits) [[unlikely]]
    throw shape_error(detail::concat(parts...));
}

}  // namespace rondo::inline RONDO_ABI
