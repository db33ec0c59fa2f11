// SPDX-License-Identifier: MIT
// write_page samples|report|explore DATA.json OUT.html [MODEL]: writes a page with the data of a test, and with the
// packed model of that file.
#include <array>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "piano/page/page.hpp"

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::cerr << "write_page: got " << argc - 1
              << " arguments, wanted samples|report|explore, DATA.json, OUT.html, [MODEL]\n";
    return 2;
  }
  const std::array<std::string_view, 3> pages{"samples", "report", "explore"};
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (argv[1] != pages[i]) continue;
    try {
      std::ifstream file(argv[2]);
      std::ifstream model(argc == 5 ? argv[4] : "", std::ios::binary);
      const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(model), {}};
      piano::write_page(argv[3], static_cast<piano::Page>(i), nlohmann::json::parse(file), bytes);
      return 0;
    } catch (const std::exception& error) {
      std::cerr << "write_page: " << error.what() << '\n';
      return 1;
    }
  }
  std::cerr << "write_page: there is no page " << argv[1] << '\n';
  return 2;
}
