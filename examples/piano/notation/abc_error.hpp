// SPDX-License-Identifier: MIT
// An error in an ABC file, with its position: `name.abc:12:7: bar 5 holds 7/8, metre is 4/4`.
#pragma once

#include <stdexcept>
#include <string>

namespace piano {

/// A position in a text; line and column count from 1.
struct TextPosition {
  int line = 1;
  int column = 1;
};

class AbcError : public std::runtime_error {
 public:
  AbcError(const std::string& file, TextPosition where, const std::string& message)
      : std::runtime_error(file + ":" + std::to_string(where.line) + ":" + std::to_string(where.column) + ": " +
                           message),
        where_(where) {}

  TextPosition where() const { return where_; }

 private:
  TextPosition where_;
};

}  // namespace piano
