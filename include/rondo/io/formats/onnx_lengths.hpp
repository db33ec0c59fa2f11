// SPDX-License-Identifier: MIT
// Checks the lengths in an ONNX file before protobuf reads it: protobuf reserves up to 50 MB for a string that fits in
// the length of the message around it, even if the file has not so many bytes.
#pragma once

#include <rondo/version.hpp>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string_view>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Whether each field up to the limit of `in` fits in its message, at most `depth` messages in each other. type: of the
/// message.
inline bool onnx_lengths_fit(google::protobuf::io::CodedInputStream& in, const google::protobuf::Descriptor& type,
                             int depth) {
  enum { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };  // wire types
  while (const std::uint32_t tag = in.ReadTag()) {
    std::uint64_t value = 0;
    int length = 0;
    switch (tag & 7) {
      case kVarint:
        if (!in.ReadVarint64(&value)) return false;
        continue;
      case kFixed64:
        if (!in.Skip(8)) return false;
        continue;
      case kFixed32:
        if (!in.Skip(4)) return false;
        continue;
      case kLength:
        if (!in.ReadVarintSizeAsInt(&length) || length > in.BytesUntilLimit()) return false;
        break;
      default:  // groups, which ONNX does not have
        return false;
    }
    const auto* field = type.FindFieldByNumber(static_cast<int>(tag >> 3));
    if (field == nullptr || field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!in.Skip(length)) return false;
      continue;
    }
    const auto limit = in.PushLimit(length);
    if (depth == 0 || !onnx_lengths_fit(in, *field->message_type(), depth - 1)) return false;
    in.PopLimit(limit);
  }
  return in.BytesUntilLimit() == 0;
}

/// The same for a whole file.
inline bool onnx_lengths_fit(std::string_view bytes) {
  constexpr int kDeepest = 64;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  in.PushLimit(static_cast<int>(bytes.size()));
  return onnx_lengths_fit(in, *::onnx::ModelProto::descriptor(), kDeepest);
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI
