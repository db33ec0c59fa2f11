// SPDX-License-Identifier: MIT
// ONNX files: read_onnx and write_onnx. Needs protobuf and the ONNX messages: link rondo::onnx, which RONDO_ONNX=ON
// builds. No other header of the library includes this one.
#pragma once

#include <rondo/io/formats/onnx_reader.hpp>
#include <rondo/io/formats/onnx_writer.hpp>
