// SPDX-License-Identifier: MIT
// Rondo's side of bench_stream. No Eigen type may cross this interface: its files are compiled with different flags.
#pragma once

#include <memory>

namespace bench {

/// A single-input stream through an LSTM of H units with random weights.
class RondoStream {
 public:
  explicit RondoStream(int hidden);
  ~RondoStream();

  /// Returns the first of the H outputs.
  float step(float x);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

/// The same for a GRU.
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
