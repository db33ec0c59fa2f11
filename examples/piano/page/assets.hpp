// SPDX-License-Identifier: MIT
// The files of web/, compiled into the program: embed.cmake generates the definition.
#pragma once

#include <string_view>

namespace piano {

/// The text of web/`name`. Throws std::out_of_range if there is no such file.
std::string_view asset(std::string_view name);

}  // namespace piano
