// SPDX-License-Identifier: MIT
// The safetensors format: eight bytes of header length, a JSON header with the type, shape and offsets of each tensor,
// then the data. PyTorch reads and writes it by `safetensors.torch`. Numbers in the file are little-endian on every
// machine.
#pragma once

#include <rondo/core/bfloat16.hpp>
#include <rondo/core/error.hpp>
#include <rondo/core/view.hpp>
#include <rondo/io/json_document.hpp>
#include <rondo/io/replace_file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
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

/// The bytes of the values, little-endian.
template <class T>
std::string to_little_endian(std::span<const T> values) {
  std::string bytes(values.size_bytes(), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  if constexpr (std::endian::native == std::endian::big)
    for (std::size_t n = 0; n < values.size(); ++n)
      std::reverse(bytes.data() + n * sizeof(T), bytes.data() + (n + 1) * sizeof(T));
  return bytes;
}

/// Inverse of to_little_endian. Extra bytes that do not fill a value are ignored.
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

inline constexpr std::uint64_t kFnvBasis = 0xcbf29ce484222325u;

/// The hash FNV-1a, continued from `hash`. Every step is a bijection of the hash: a changed bit always changes it.
inline std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash) {
  for (char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  return hash;
}

/// A bfloat16 (the upper half of a float) or an IEEE half as float.
struct Bfloat16 {
  std::uint16_t bits;
  operator float() const { return from_bfloat16(bits); }
};
struct Float16 {
  std::uint16_t bits;
  operator float() const {
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    float value = 0;
    if (exponent == 31)
      value = mantissa == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
    else
      value = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                            : std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
    return bits >> 15 ? -value : value;
  }
};

/// Size in bytes of a tensor with elements of `width` bytes; none if an extent is negative or the product overflows.
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

/// The contents of a safetensors file: named row-major tensors and metadata.
class Safetensors {
 public:
  /// One tensor.
  struct Tensor {
    std::string dtype;         ///< "F32", "F64", "F16", "BF16"; tensors of other types are stored unchanged
    std::vector<Index> shape;  ///< slowest dimension first
    std::string bytes;         ///< data, row-major, little-endian

    /// Number of elements.
    Index size() const {
      Index n = 1;
      for (Index extent : shape) n *= extent;
      return n;
    }
  };

  std::map<std::string, Tensor> tensors;        ///< tensors by name
  std::map<std::string, std::string> metadata;  ///< text by key

  /// "F32" for float, "F64" for double.
  template <class Scalar>
  static constexpr const char* dtype_of() {
    static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>);
    return sizeof(Scalar) == 4 ? "F32" : "F64";
  }

  /// Whether values() converts this type.
  static bool converts(std::string_view dtype) { return width_of(dtype) > 0; }

  /// Adds or replaces a tensor. values: row-major, as many as the product of `shape`.
  template <class Scalar>
  void add(const std::string& name, std::vector<Index> shape, std::span<const Scalar> values) {
    tensors[name] = {dtype_of<Scalar>(), std::move(shape), detail::to_little_endian(values)};
  }

  /// The values of a tensor, converted to Scalar. Throws file_error that names it unless its type is F32,
  /// F64, F16 or BF16.
  template <class Scalar>
  static std::vector<Scalar> values(const std::string& name, const Tensor& tensor) {
    const auto convert = [&]<class Stored>(Stored) {
      const auto stored = detail::from_little_endian<Stored>(tensor.bytes);
      return std::vector<Scalar>(stored.begin(), stored.end());
    };
    if (tensor.dtype == "F32") return convert(float{});
    if (tensor.dtype == "F64") return convert(double{});
    if (tensor.dtype == "F16") return convert(detail::Float16{});
    if (tensor.dtype == "BF16") return convert(detail::Bfloat16{});
    throw file_error("tensor " + name + " has type " + tensor.dtype + ", wanted F32, F64, F16 or BF16");
  }

  /// Writes the file `path`, atomically, with a checksum in the metadata. Throws file_error.
  void write(const std::filesystem::path& path) const {
    nlohmann::json header = nlohmann::json::object();
    auto& entries = header["__metadata__"] = metadata;
    entries[kChecksum] = std::string(kChecksumDigits, '0');
    entries[kVersion] = "1";
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
    std::uint64_t hash = detail::kFnvBasis;
    for (std::string_view part : parts) hash = detail::fnv1a(part, hash);
    text.replace(checksum_position(text), kChecksumDigits, hex(hash));
    parts[1] = text;
    replace_file(path, parts);
  }

  /// Reads a file. Throws file_error that names the file, the byte offset and the problem.
  static Safetensors read(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw file_error(path.string() + ": cannot be opened");
    const std::string file(std::istreambuf_iterator<char>(in), {});
    try {
      return parse(file);
    } catch (const file_error& e) {
      throw file_error(path.string() + ": " + e.what());
    }
  }

  /// Reads the bytes of a file. Memory is allocated for what the bytes hold, not for what the header claims. A checksum
  /// is verified if there is one: files that other programs wrote have none. Throws file_error with the byte offset and
  /// the problem.
  static Safetensors parse(std::string_view file) {
    const auto fail = [](std::size_t offset, const std::string& what) {
      throw file_error(detail::concat("at byte ", offset, ": ", what));
    };
    constexpr std::size_t kStart = sizeof(std::uint64_t);
    if (file.size() < kStart)
      fail(0, detail::concat("a safetensors file starts with 8 bytes of header length, this file has ", file.size()));
    const std::uint64_t length = detail::from_little_endian<std::uint64_t>(file.substr(0, kStart))[0];
    if (length > file.size() - kStart)
      fail(0, detail::concat("the header length is ", length, " bytes, the file has ", file.size()));
    const std::string_view text = file.substr(kStart, length), data = file.substr(kStart + length);

    Safetensors result;
    std::vector<Place> places;
    detail::JsonValue header;
    try {
      header = detail::parse_json_document(text);
      for (const auto& [name, entry] : header.entries)
        if (name == "__metadata__")
          result.metadata = metadata_of(entry);
        else
          places.push_back(add_entry(name, entry, data, result));
    } catch (const file_error& e) {
      fail(kStart, std::string("the header is malformed: ") + e.what());
    }
    std::ranges::sort(places, {}, [](const Place& p) { return std::pair(p.begin, p.end); });
    std::uint64_t end = 0;
    for (const Place& place : places) {
      if (place.begin != end)
        fail(kStart + length, detail::concat("tensor ", *place.name, " starts at byte ", place.begin,
                                             " of the data, the tensor before it ends at byte ", end));
      end = place.end;
    }
    if (end != data.size())
      fail(kStart + length + end, detail::concat(data.size() - end, " bytes after the last tensor"));
    result.verify(file, text, fail);
    return result;
  }

 private:
  /// Where a tensor is in the data.
  struct Place {
    std::uint64_t begin, end;
    const std::string* name;
  };

  static constexpr const char *kChecksum = "rondo.checksum", *kVersion = "rondo.checksum_version";
  static constexpr std::size_t kChecksumDigits = 16;

  static std::string hex(std::uint64_t value) {
    std::string digits(kChecksumDigits, '0');
    for (std::size_t n = kChecksumDigits; n-- > 0; value >>= 4) digits[n] = "0123456789abcdef"[value & 15];
    return digits;
  }

  /// Position of the checksum's digits in the text of a header; npos if there is none.
  static std::size_t checksum_position(std::string_view text) {
    const std::string entry = std::string("\"") + kChecksum + "\":\"";
    const std::size_t at = text.find(entry);
    return at == std::string_view::npos || at + entry.size() + kChecksumDigits > text.size() ? std::string_view::npos
                                                                                             : at + entry.size();
  }

  static std::map<std::string, std::string> metadata_of(const detail::JsonValue& entry) {
    std::map<std::string, std::string> result;
    if (!entry.is(detail::JsonValue::Kind::object)) throw file_error("the metadata is not an object");
    for (const auto& [key, value] : entry.entries) {
      if (!value.is(detail::JsonValue::Kind::text)) throw file_error("metadata " + key + " is not a text");
      result.emplace(key, value.text);
    }
    return result;
  }

  /// Adds the tensor of one entry of the header; returns its place in the data.
  static Place add_entry(const std::string& name, const detail::JsonValue& entry, std::string_view data,
                         Safetensors& result) {
    const auto counts = [&](const char* key) {
      const detail::JsonValue& value = detail::at(entry, key, name.c_str());
      if (!value.is(detail::JsonValue::Kind::numbers) || value.shape.size() != 1 ||
          !std::ranges::all_of(value.numbers, detail::is_count))
        throw file_error("tensor " + name + ": " + key + " is not a list of sizes");
      return std::vector<Index>(value.numbers.begin(), value.numbers.end());
    };
    const std::vector<Index> offsets = counts("data_offsets");
    if (offsets.size() != 2) throw file_error("tensor " + name + ": data_offsets is not a list of two");
    const auto begin = static_cast<std::uint64_t>(offsets[0]), end = static_cast<std::uint64_t>(offsets[1]);
    if (begin > end || end > data.size())
      throw file_error(detail::concat("tensor ", name, " should end at byte ", end, " of the data, which has ",
                                      data.size(), " (a truncated file?)"));
    Tensor tensor{detail::text_at(entry, "dtype", name.c_str()), counts("shape"),
                  std::string(data.substr(begin, end - begin))};
    const std::size_t width = width_of(tensor.dtype);
    const auto wanted = detail::bytes_of_shape(tensor.shape, width);
    if (!wanted || (width > 0 && *wanted != tensor.bytes.size()))
      throw file_error(detail::concat("tensor ", name, " has ", tensor.bytes.size(), " bytes, its shape wants ",
                                      wanted ? std::to_string(*wanted) : "an impossible number"));
    const auto added = result.tensors.emplace(name, std::move(tensor)).first;
    return Place{begin, end, &added->first};
  }

  /// Bytes of an element; 0 for a type that is stored without conversion.
  static std::size_t width_of(std::string_view dtype) {
    return dtype == "F64" ? 8 : dtype == "F32" ? 4 : dtype == "F16" || dtype == "BF16" ? 2 : 0;
  }

  /// Verifies and removes the checksum. It covers the whole file, with zeros in its own place. Two entries announce it,
  /// so that damage to one of them is noticed, too.
  template <class Fail>
  void verify(std::string_view file, std::string_view text, const Fail& fail) {
    const auto version = metadata.find(kVersion), checksum = metadata.find(kChecksum);
    if (version == metadata.end() && checksum == metadata.end()) return;
    const std::size_t at = checksum_position(text);
    const auto header_end = static_cast<std::size_t>(text.data() + text.size() - file.data());
    bool intact = version != metadata.end() && checksum != metadata.end() && at != std::string_view::npos;
    if (intact) {
      const auto digits = static_cast<std::size_t>(text.data() - file.data()) + at;
      std::uint64_t hash = detail::fnv1a(file.substr(0, digits), detail::kFnvBasis);
      hash = detail::fnv1a(std::string(kChecksumDigits, '0'), hash);
      hash = detail::fnv1a(file.substr(digits + kChecksumDigits), hash);
      intact = hex(hash) == file.substr(digits, kChecksumDigits);
    }
    if (!intact)
      fail(header_end - text.size(),
           "the checksum in the metadata does not fit the file, which is damaged or was changed by another program");
    metadata.erase(kVersion);
    metadata.erase(kChecksum);
  }
};

}  // namespace rondo::inline RONDO_ABI
