// SPDX-License-Identifier: MIT
// Rondo's side of bench_stream, behind a border: no Eigen type may cross between files of different flags.
#pragma once

#include <memory>

namespace bench {

/// A stream of one input through an LSTM of H units of random weights.
class RondoStream {
 public:
  explicit RondoStream(int hidden);
  ~RondoStream();

  /// The first of the H outputs.
  float step(float x);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

/// The same of a GRU.
class RondoGruStream {
 public:
  explicit RondoGruStream(int hidden);
  ~RondoGruStream();

  float step(float x);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace bench
