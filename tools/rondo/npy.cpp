// SPDX-License-Identifier: MIT
#include "rondo/npy.hpp"

#include <rondo/io/replace_file.hpp>
#include <rondo/io/safetensors.hpp>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <regex>
#include <span>
#include <string>
#include <string_view>

namespace tool {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

template <class Stored>
std::vector<double> converted(std::string_view bytes) {
  const auto stored = rondo::detail::from_little_endian<Stored>(bytes);
  return {stored.begin(), stored.end()};
}

}  // namespace

Array read_npy(const std::filesystem::path& path) {
  const auto fail = [&](const std::string& what) { throw rondo::file_error(path.string() + ": " + what); };
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("cannot be opened");
  const std::string file(std::istreambuf_iterator<char>(in), {});
  if (file.size() < 10 || !std::string_view(file).starts_with(kMagic)) fail("is not a .npy file");
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(file[at])); };
  const int version = file[6];
  if (version != 1 && version != 2) fail("has version " + std::to_string(version) + " of the format, wanted 1 or 2");
  const std::size_t start = version == 1 ? 10 : 12;
  if (file.size() < start) fail("is truncated");
  std::size_t length = byte(8) | byte(9) << 8;
  if (version == 2) length |= byte(10) << 16 | byte(11) << 24;
  if (length > file.size() - start || length > 65536) fail("has a header of " + std::to_string(length) + " bytes");
  const std::string header = file.substr(start, length);
  const std::string_view data = std::string_view(file).substr(start + length);

  static const std::regex type_pattern("'descr': *'([<|])([fi])([48])'"), shape_pattern("'shape': *\\(([0-9, ]*)\\)");
  std::smatch type, shape;
  if (!std::regex_search(header, type, type_pattern))
    fail("holds no little-endian float32, float64, int32 or int64: " + header.substr(0, header.find('\n')));
  if (header.find("'fortran_order': False") == std::string::npos) fail("is in Fortran order, wanted C order");
  if (!std::regex_search(header, shape, shape_pattern)) fail("has no shape");
  Array array;
  array.is_double = type[3] == "8", array.is_integer = type[2] == "i";
  const std::string extents = shape[1];
  static const std::regex number("[0-9]+");
  for (std::sregex_iterator it(extents.begin(), extents.end(), number), end; it != end; ++it) {
    if (it->length() > 15) fail("has an impossible shape");
    array.shape.push_back(std::stoll(it->str()));
  }
  const auto bytes = rondo::detail::bytes_of_shape(array.shape, array.is_double ? 8 : 4);
  if (!bytes || *bytes != data.size())
    fail("has " + std::to_string(data.size()) + " bytes of data, its shape wants " +
         (bytes ? std::to_string(*bytes) : "an impossible number"));
  if (array.is_integer)
    array.values = array.is_double ? converted<std::int64_t>(data) : converted<std::int32_t>(data);
  else
    array.values = array.is_double ? converted<double>(data) : converted<float>(data);
  return array;
}

void write_npy(const std::filesystem::path& path, const Array& array) {
  std::string header =
      std::string("{'descr': '<f") + (array.is_double ? "8" : "4") + "', 'fortran_order': False, 'shape': (";
  for (rondo::Index extent : array.shape) header += std::to_string(extent) + ",";
  header += "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += std::string("\x01\x00", 2);
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  std::string data;
  if (array.is_double) {
    data = rondo::detail::to_little_endian(std::span<const double>(array.values));
  } else {
    const std::vector<float> floats(array.values.begin(), array.values.end());
    data = rondo::detail::to_little_endian(std::span<const float>(floats));
  }
  const std::string_view parts[] = {bytes, header, data};
  rondo::replace_file(path, parts);
}

}  // namespace tool
