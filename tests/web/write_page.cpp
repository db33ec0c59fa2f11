// SPDX-License-Identifier: MIT
// write_page samples|report|explore DATA.json OUT.html: writes a page with the data of a test.
#include <array>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "piano/page/page.hpp"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "write_page: got " << argc - 1 << " arguments, wanted samples|report|explore, DATA.json, OUT.html\n";
    return 2;
  }
  const std::array<std::string_view, 3> pages{"samples", "report", "explore"};
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (argv[1] != pages[i]) continue;
    try {
      std::ifstream file(argv[2]);
      piano::write_page(argv[3], static_cast<piano::Page>(i), nlohmann::json::parse(file));
      return 0;
    } catch (const std::exception& error) {
      std::cerr << "write_page: " << error.what() << '\n';
      return 1;
    }
  }
  std::cerr << "write_page: there is no page " << argv[1] << '\n';
  return 2;
}
