# SPDX-License-Identifier: MIT
# cmake -DOUT=assets.cpp -DFOLDER=web -DENGINE=engine.js -P embed.cmake: writes a C++ file with a function that returns
# each file of FOLDER by name, and ENGINE as "network.js".
cmake_minimum_required(VERSION 3.24)

file(GLOB names RELATIVE ${FOLDER} ${FOLDER}/*)
set(entries "")
foreach(name IN LISTS names)
  file(READ ${FOLDER}/${name} text)
  string(APPEND entries "    {\"${name}\", R\"asset(${text})asset\"},\n")
endforeach()
file(READ ${ENGINE} text)
string(APPEND entries "    {\"network.js\", R\"asset(${text})asset\"},\n")
file(WRITE ${OUT} "// Written by embed.cmake from ${FOLDER}.
#include \"piano/page/assets.hpp\"

#include <map>
#include <string_view>

std::string_view piano::asset(std::string_view name) {
  static const std::map<std::string_view, std::string_view> files{
${entries}  };
  return files.at(name);
}
")
