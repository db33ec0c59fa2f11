// SPDX-License-Identifier: MIT
// The file format: reads bytes that the test wrote, and checks the bytes that the library writes.
#include <rondo/io/safetensors.hpp>

#include <limits>

#include "support/catch.hpp"
#include "temporary.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// The error for a file with these bytes.
std::string read_error(const std::string& bytes) {
  const TemporaryFolder folder;
  write_bytes(folder / "f.safetensors", bytes);
  return error_message_of<file_error>([&] { Safetensors::read(folder / "f.safetensors"); });
}

const std::string kHeader =
    R"({"__metadata__":{"who":"me"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
    R"("b":{"dtype":"F64","shape":[2],"data_offsets":[24,40]},"c":{"dtype":"I32","shape":[1],"data_offsets":[40,44]},)"
    R"("d":{"dtype":"F32","shape":[],"data_offsets":[44,48]},"e":{"dtype":"F32","shape":[0,5],"data_offsets":[48,48]}})";
const std::string kData = bytes_of<float>({1, 2, 3, 4, 5, 6}) + bytes_of<double>({0.1, -1e300}) +
                          bytes_of<std::int32_t>({7}) + bytes_of<float>({-8});

}  // namespace

TEST_CASE("safetensors: reads values and shapes") {
  const TemporaryFolder folder;
  write_bytes(folder / "f", safetensors_bytes(kHeader, kData));
  const auto file = Safetensors::read(folder / "f");
  CHECK(file.metadata == std::map<std::string, std::string>{{"who", "me"}});
  REQUIRE(file.tensors.size() == 5);
  CHECK(file.tensors.at("a").shape == std::vector<Index>{2, 3});
  CHECK(Safetensors::values<float>("a", file.tensors.at("a")) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(Safetensors::values<double>("b", file.tensors.at("b")) == std::vector<double>{0.1, -1e300});
  CHECK(file.tensors.at("c").bytes == bytes_of<std::int32_t>({7}));
  CHECK(file.tensors.at("d").size() == 1);  // a scalar has no dimensions
  CHECK(Safetensors::values<float>("d", file.tensors.at("d")) == std::vector<float>{-8});
  CHECK(Safetensors::values<float>("e", file.tensors.at("e")).empty());
}

TEST_CASE("safetensors: values convert between float and double; an error names any other type") {
  Safetensors file;
  file.add<double>("x", {2}, std::vector<double>{0.1, 2});
  file.add<float>("y", {1}, std::vector<float>{0.1f});
  file.tensors["z"] = {"I64", {1}, std::string(8, '\0')};
  CHECK(Safetensors::values<float>("x", file.tensors["x"]) == std::vector<float>{0.1f, 2});
  CHECK(Safetensors::values<double>("y", file.tensors["y"]) == std::vector<double>{double{0.1f}});
  const auto message = error_message_of<file_error>([&] { Safetensors::values<float>("z", file.tensors["z"]); });
  CHECK(contains(message, "tensor z has type I64"));
}

TEST_CASE("safetensors: writes the format, data aligned to eight bytes, contiguous tensors") {
  const TemporaryFolder folder;
  Safetensors file;
  file.metadata["config"] = "{\"a\": \"ü\"}";
  file.add<float>("w", {3, 1}, std::vector<float>{1.5f, -2, std::numeric_limits<float>::infinity()});
  file.add<double>("v", {1}, std::vector<double>{0.1});
  file.write(folder / "f");

  const std::string bytes = read_bytes(folder / "f");
  std::uint64_t length = 0;
  for (int n = 7; n >= 0; --n) length = length << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(n)]);
  CHECK(length % 8 == 0);
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  CHECK(header["__metadata__"]["config"] == "{\"a\": \"ü\"}");
  CHECK(header["w"]["dtype"] == "F32");
  CHECK(header["w"]["shape"] == nlohmann::json({3, 1}));
  CHECK(header["v"]["dtype"] == "F64");
  const auto place = [&](const char* name) {
    const auto offsets = header[name]["data_offsets"].get<std::vector<std::size_t>>();
    return bytes.substr(8 + length + offsets.at(0), offsets.at(1) - offsets.at(0));
  };
  CHECK(place("w") == bytes_of<float>({1.5f, -2, std::numeric_limits<float>::infinity()}));
  CHECK(place("v") == bytes_of<double>({0.1}));
  CHECK(bytes.size() == 8 + length + 20);
}

TEST_CASE("safetensors: values are bit-identical after writing and reading") {
  const TemporaryFolder folder;
  write_bytes(folder / "f", safetensors_bytes(kHeader, kData));
  const auto file = Safetensors::read(folder / "f");
  file.write(folder / "g");
  const auto again = Safetensors::read(folder / "g");
  CHECK(again.metadata == file.metadata);
  REQUIRE(again.tensors.size() == file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    CHECK(again.tensors.at(name).dtype == tensor.dtype);
    CHECK(again.tensors.at(name).shape == tensor.shape);
    CHECK(again.tensors.at(name).bytes == tensor.bytes);
  }
}

TEST_CASE("safetensors: a file truncated anywhere is an error with the file and the offset") {
  const std::string whole = safetensors_bytes(kHeader, kData);
  CHECK(read_error(whole).empty());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO(size << " of " << whole.size() << " bytes");
    const auto message = read_error(whole.substr(0, size));
    CHECK(contains(message, "f.safetensors: at byte "));
    if (size >= 8 + kHeader.size()) CHECK(contains(message, "truncated"));
  }
}

TEST_CASE("safetensors: an invalid header is an error") {
  const auto with = [](const std::string& entry) {
    return safetensors_bytes("{\"t\":" + entry + "}", std::string(8, 0));
  };
  CHECK(read_error(with(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})")).empty());
  CHECK(contains(read_error("not a safetensors file at all"), "the header length is"));
  CHECK(contains(read_error(safetensors_bytes("{\"t\":", "")), "no valid JSON at byte"));
  CHECK(contains(read_error(safetensors_bytes("[1]", "")), "is not an object"));
  CHECK(contains(read_error(with("3")), "malformed"));
  CHECK(contains(read_error(with(R"({"shape":[2],"data_offsets":[0,8]})")), "dtype"));
  CHECK(contains(read_error(with(R"({"dtype":"F32","shape":"2","data_offsets":[0,8]})")), "malformed"));
  CHECK(contains(read_error(with(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})")), "malformed"));
  CHECK(contains(read_error(with(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})")), "tensor t"));
  CHECK(contains(read_error(with(R"({"dtype":"F32","shape":[2],"data_offsets":[0,9]})")),
                 "tensor t should end at byte 9"));
  CHECK(contains(read_error(with(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})")),
                 "has 8 bytes, its shape wants 12"));
  CHECK(contains(read_error(with(R"({"dtype":"F64","shape":[2],"data_offsets":[0,8]})")), "wants 16"));
  CHECK(contains(read_error(safetensors_bytes(R"({"__metadata__":{"k":1}})", "")), "malformed"));
}

TEST_CASE("safetensors: invalid dimensions are an error") {
  const auto shaped = [](const std::string& shape) {
    return read_error(
        safetensors_bytes(R"({"t":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,8]}})", std::string(8, 0)));
  };
  CHECK(contains(shaped("[-1,-2]"), "tensor t"));  // their product would be valid
  CHECK(contains(shaped("[4294967296,4294967296,2]"), "tensor t"));
  CHECK(contains(shaped("[4611686018427387904,4,2]"), "tensor t"));
  CHECK(contains(shaped("[4611686018427387904,0,4]"), "is not a list of sizes"));
  CHECK(contains(shaped("[4503599627370496,0,4]"), "wants 0"));
}

TEST_CASE("safetensors: a missing file, a missing folder") {
  const TemporaryFolder folder;
  CHECK(contains(error_message_of<file_error>([&] { Safetensors::read(folder / "none"); }), "none: cannot be opened"));
  CHECK(contains(error_message_of<file_error>([&] { Safetensors{}.write(folder / "none/f"); }), "cannot be written"));
}
