// SPDX-License-Identifier: MIT
// Options of `rondo run --stream` and `rondo bench`: the functions and the weights of a stream.
#pragma once

#include <rondo/core/streaming_options.hpp>

#include <CLI/CLI.hpp>

#include <array>
#include <string>

namespace tool {

struct StreamOptions {
  std::string math = "exact", precision = "fp32";

  rondo::StreamingOptions options() const {
    using rondo::WeightPrecision;
    return {.math = math == "fast" ? rondo::Math::fast : rondo::Math::exact,
            .precision = precision == "int8"   ? WeightPrecision::int8
                         : precision == "bf16" ? WeightPrecision::bf16
                                               : WeightPrecision::fp32};
  }
};

/// Adds --math and --precision. `stream` must live until `app` has parsed.
inline std::array<CLI::Option*, 2> add_stream_options(CLI::App& app, StreamOptions& stream) {
  return {app.add_option("--math", stream.math, "sigmoid and tanh of the stream: exact or fast")
              ->check(CLI::IsMember({"exact", "fast"})),
          app.add_option("--precision", stream.precision, "of the weights of the stream: fp32, bf16 or int8")
              ->check(CLI::IsMember({"fp32", "bf16", "int8"}))};
}

}  // namespace tool
