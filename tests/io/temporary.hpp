// SPDX-License-Identifier: MIT
// Temporary files of a test, and files written as bytes without the code under test.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

namespace rondo_test {

/// A new temporary folder, deleted when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    folder_ = std::filesystem::temp_directory_path() / ("rondo-io-" + std::to_string(std::random_device()()));
    std::filesystem::create_directories(folder_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  const std::filesystem::path& path() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The bytes of numbers in little-endian order.
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  std::string bytes;
  for (T value : values) {
    Bits bits = std::bit_cast<Bits>(value);
    for (std::size_t n = 0; n < sizeof(T); ++n, bits = static_cast<Bits>(bits >> 8))
      bytes.push_back(static_cast<char>(bits & 0xff));
  }
  return bytes;
}

/// A safetensors file from its header and data.
inline std::string safetensors_bytes(const std::string& header, const std::string& data) {
  return bytes_of(std::vector<std::uint64_t>{header.size()}) + header + data;
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

/// The message of the Error that `action` throws; empty if it does not throw.
template <class Error, class F>
std::string error_message_of(F&& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace rondo_test
