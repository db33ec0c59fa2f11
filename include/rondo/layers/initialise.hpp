// SPDX-License-Identifier: MIT
// How weights begin. All draw from the caller's generator in double, so that a float model and a double model of one
// seed begin alike. Host matrices; a device model is initialised on the host and copied.
#pragma once

#include <rondo/core/random.hpp>
#include <rondo/core/view.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// Each value uniform in [-bound, bound); torch.nn.LSTM takes bound = 1/sqrt(H).
template <class Scalar>
void initialise_uniform(MatrixView<Scalar> a, double bound, Rng& rng) {
  for (Index j = 0; j < a.cols; ++j)
    for (Index i = 0; i < a.rows; ++i) a(i, j) = static_cast<Scalar>(rng.uniform(-bound, bound));
}

/// Each value normal with mean 0 and the given standard deviation.
template <class Scalar>
void initialise_normal(MatrixView<Scalar> a, double deviation, Rng& rng) {
  for (Index j = 0; j < a.cols; ++j)
    for (Index i = 0; i < a.rows; ++i) a(i, j) = static_cast<Scalar>(deviation * rng.normal());
}

/// Each square block of H rows is a random orthogonal matrix: a step keeps the length of what it carries
/// (Saxe, McClelland, Ganguli 2014). Gram-Schmidt on normal columns, done twice for accuracy. a: n*H x H.
template <class Scalar>
void initialise_orthogonal(MatrixView<Scalar> a, Rng& rng) {
  const Index H = a.cols;
  std::vector<double> q(static_cast<std::size_t>(H * H));  // column j at q[j * H]
  for (Index block = 0; block < a.rows; block += H) {
    for (double& v : q) v = rng.normal();
    for (Index j = 0; j < H; ++j) {
      double* column = &q[static_cast<std::size_t>(j * H)];
      for (int pass = 0; pass < 2; ++pass)
        for (Index k = 0; k < j; ++k) {
          const double* earlier = &q[static_cast<std::size_t>(k * H)];
          double dot = 0;
          for (Index i = 0; i < H; ++i) dot += column[i] * earlier[i];
          for (Index i = 0; i < H; ++i) column[i] -= dot * earlier[i];
        }
      double norm = 0;
      for (Index i = 0; i < H; ++i) norm += column[i] * column[i];
      for (Index i = 0; i < H; ++i) column[i] /= std::sqrt(norm);
    }
    for (Index j = 0; j < H; ++j)
      for (Index i = 0; i < std::min(H, a.rows - block); ++i)
        a(block + i, j) = static_cast<Scalar>(q[static_cast<std::size_t>(i + j * H)]);
  }
}

}  // namespace rondo::inline RONDO_ABI
