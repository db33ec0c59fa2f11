// SPDX-License-Identifier: MIT
// Exceptions of the network. A message names the function, the actual and the expected shape, in named dimensions:
// `Linear::forward: x is 88 x 16 x 64 (C x B x T), this layer wants C = 89`.
#pragma once

#include <rondo/version.hpp>

#include <initializer_list>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>

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

/// A part of a message. Its type is erased, so that the many calls of concat() share the code that joins parts.
struct MessagePart {
  const void* value;
  void (*write)(std::ostream&, const void*);
};

template <class T>
MessagePart message_part(const T& value) {
  if constexpr (std::is_array_v<T>)  // a string literal
    return {value, [](std::ostream& out, const void* text) { out << static_cast<const char*>(text); }};
  else
    return {&value, [](std::ostream& out, const void* part) { out << *static_cast<const T*>(part); }};
}

inline std::string join(std::initializer_list<MessagePart> parts) {
  std::ostringstream out;
  for (const MessagePart& part : parts) part.write(out, part.value);
  return out.str();
}

[[noreturn, gnu::cold]] inline void throw_shape_error(std::initializer_list<MessagePart> parts) {
  throw shape_error(join(parts));
}

template <class... Parts>
std::string concat(const Parts&... parts) {
  return join({message_part(parts)...});
}

}  // namespace detail

/// Throws shape_error unless `fits`. The message is the parts, joined; they are formatted only when it throws.
template <class... Parts>
void require_shape(bool fits, const Parts&... parts) {
  if (!fits) [[unlikely]]
    detail::throw_shape_error({detail::message_part(parts)...});
}

}  // namespace rondo::inline RONDO_ABI
