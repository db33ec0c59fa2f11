// SPDX-License-Identifier: MIT
// The safetensors format: eight bytes of header length, a JSON header that names each tensor's type, shape and place,
// then the bytes. PyTorch reads and writes it by `safetensors.torch`. Numbers in the file are little-endian on every
// machine.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/view.hpp>
#include <rondo/io/replace_file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// The bytes of each number, the lowest first.
template <class T>
std::string to_little_endian(std::span<const T> values) {
  std::string bytes(values.size_bytes(), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  if constexpr (std::endian::native == std::endian::big)
    for (std::size_t n = 0; n < values.size(); ++n)
      std::reverse(bytes.data() + n * sizeof(T), bytes.data() + (n + 1) * sizeof(T));
  return bytes;
}

/// The inverse. Bytes that do not fill a number are ignored.
template <class T>
std::vector<T> from_little_endian(std::string_view bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  for (std::size_t n = 0; n < values.size(); ++n) {
    char number[sizeof(T)];
    std::copy_n(bytes.data() + n * sizeof(T), sizeof(T), number);
    if constexpr (std::endian::native == std::endian::big) std::reverse(number, number + sizeof(T));
    std::memcpy(&values[n], number, sizeof(T));
  }
  return values;
}

/// The bytes of a tensor of numbers of so many bytes each; none if an extent is negative or the product too large.
inline std::optional<std::size_t> bytes_of_shape(const std::vector<Index>& shape, std::size_t width) {
  if (std::ranges::any_of(shape, [](Index extent) { return extent < 0; })) return std::nullopt;
  if (std::ranges::find(shape, Index{0}) != shape.end()) return 0;
  for (Index extent : shape) {
    if (width > std::numeric_limits<std::size_t>::max() / static_cast<std::size_t>(extent)) return std::nullopt;
    width *= static_cast<std::size_t>(extent);
  }
  return width;
}

}  // namespace detail

/// A set of named row-major tensors of float or double, and text by key.
class Safetensors {
 public:
  struct Tensor {
    std::string dtype;         // "F32" or "F64"; other types are kept as bytes
    std::vector<Index> shape;  // slowest first
    std::string bytes;

    Index size() const {
      Index n = 1;
      for (Index extent : shape) n *= extent;
      return n;
    }
  };

  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;

  template <class Scalar>
  static constexpr const char* dtype_of() {
    static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>);
    return sizeof(Scalar) == 4 ? "F32" : "F64";
  }

  template <class Scalar>
  void add(const std::string& name, std::vector<Index> shape, std::span<const Scalar> values) {
    tensors[name] = {dtype_of<Scalar>(), std::move(shape), detail::to_little_endian(values)};
  }

  /// The tensor's values, converted to Scalar. Throws file_error for a type that is not F32 or F64.
  template <class Scalar>
  static std::vector<Scalar> values(const std::string& name, const Tensor& tensor) {
    const auto convert = [&]<class Stored>(Stored) {
      const auto stored = detail::from_little_endian<Stored>(tensor.bytes);
      return std::vector<Scalar>(stored.begin(), stored.end());
    };
    if (tensor.dtype == "F32") return convert(float{});
    if (tensor.dtype == "F64") return convert(double{});
    throw file_error("tensor " + name + " has type " + tensor.dtype + ", wanted F32 or F64");
  }

  /// Replaces the file `path`. Throws file_error.
  void write(const std::filesystem::path& path) const {
    nlohmann::json header = nlohmann::json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::size_t offset = 0;
    for (const auto& [name, tensor] : tensors) {
      header[name] = {
          {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + tensor.bytes.size()}}};
      offset += tensor.bytes.size();
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');  // tensors start on 8 bytes
    const std::uint64_t length = text.size();
    const std::string length_bytes = detail::to_little_endian(std::span(&length, 1));
    std::vector<std::string_view> parts{length_bytes, text};
    for (const auto& [name, tensor] : tensors) parts.push_back(tensor.bytes);
    replace_file(path, parts);
  }

  /// Reads a whole file. Throws file_error with the file and the offset of what is wrong.
  static Safetensors read(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw file_error(path.string() + ": cannot be opened");
    const std::string file(std::istreambuf_iterator<char>(in), {});
    const auto fail = [&](std::size_t offset, const std::string& what) {
      throw file_error(detail::concat(path.string(), ": at byte ", offset, ": ", what));
    };
    if (file.size() < sizeof(std::uint64_t))
      fail(0, detail::concat("a safetensors file begins with 8 bytes, this one has ", file.size()));
    const std::uint64_t length = detail::from_little_endian<std::uint64_t>(std::string_view(file).substr(0, 8))[0];
    if (length > file.size() - sizeof length)
      fail(0, detail::concat("the header is said to have ", length, " bytes, the file has ", file.size(), " in all"));
    const std::string_view text(file.data() + sizeof length, length);
    const std::string_view data = std::string_view(file).substr(sizeof length + length);

    Safetensors result;
    const auto header = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!header.is_object()) fail(sizeof length, "the header is not a JSON object");
    try {
      for (const auto& [name, entry] : header.items()) {
        if (name == "__metadata__") {
          result.metadata = entry.get<std::map<std::string, std::string>>();
          continue;
        }
        const auto begin = entry.at("data_offsets").at(0).get<std::uint64_t>();
        const auto end = entry.at("data_offsets").at(1).get<std::uint64_t>();
        if (begin > end || end > data.size())
          fail(sizeof length + length, detail::concat("tensor ", name, " should end at byte ", end,
                                                      " of the data, which has ", data.size(), " (a truncated file?)"));
        Tensor tensor{entry.at("dtype").get<std::string>(), entry.at("shape").get<std::vector<Index>>(),
                      std::string(data.substr(begin, end - begin))};
        const std::size_t width = tensor.dtype == "F32" ? 4 : tensor.dtype == "F64" ? 8 : 0;
        const auto wanted = detail::bytes_of_shape(tensor.shape, width);
        if (!wanted || (width > 0 && *wanted != tensor.bytes.size()))
          fail(sizeof length, detail::concat("tensor ", name, " has ", tensor.bytes.size(), " bytes, its shape wants ",
                                             wanted ? std::to_string(*wanted) : "an impossible number"));
        result.tensors.emplace(name, std::move(tensor));
      }
    } catch (const nlohmann::json::exception& e) {
      fail(sizeof length, std::string("the header is malformed: ") + e.what());
    }
    return result;
  }
};

}  // namespace rondo::inline RONDO_ABI
