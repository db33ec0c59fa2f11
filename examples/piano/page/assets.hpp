// SPDX-License-Identifier: MIT
// The files of web/ as they were when the program was built: embed.cmake writes the function's body.
#pragma once

#include <string_view>

namespace piano {

/// The text of web/`name`. Throws std::out_of_range for a name that is not there.
std::string_view asset(std::string_view name);

}  // namespace piano
