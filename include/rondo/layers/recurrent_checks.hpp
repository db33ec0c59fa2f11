// SPDX-License-Identifier: MIT
// Shape checks of every public function of a recurrent network, before anything is read or written. They take constant
// time, except for the lengths of a ragged batch, which are compared element-wise. All throw shape_error with named
// dimensions.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/input.hpp>
#include <rondo/recurrent/weights.hpp>

#include <algorithm>
#include <string_view>

namespace rondo::inline RONDO_ABI::detail {

/// Name of the checked function, e.g. "Inference", "Lstm", "::forward". Formatted only when an error is thrown.
struct EntryPoint {
  std::string_view kind, cell, entry;
  friend std::ostream& operator<<(std::ostream& out, const EntryPoint& s) { return out << s.kind << s.cell << s.entry; }
};

/// a is rows x cols. `letters` names the dimensions, e.g. "P x B".
template <class T>
void require_matrix(const EntryPoint& who, const char* what, MatrixView<T> a, Index rows, Index cols,
                    const char* letters) {
  require_shape(a.rows == rows && a.cols == cols, who, ": ", what, " is ", a.rows, " x ", a.cols, " (", letters,
                "), wanted ", rows, " x ", cols);
}

/// x has C features, and a number of columns, lengths or ids that matches its B x T.
template <class Scalar, class Device>
void require_input(const EntryPoint& who, const RecurrentInput<Scalar, Device>& x, Index C) {
  require_shape(x.features() == C && x.batch() >= 0 && x.time() >= 0, who, ": x is ", x.shape(),
                ", this layer wants C = ", C);
  const Index steps = x.batch() * x.time(), lengths = static_cast<Index>(x.extent().lengths.size());
  require_shape(lengths == 0 || lengths == x.batch(), who, ": x has ", lengths, " lengths for B = ", x.batch());
  if (!x.is_tokens())
    return require_shape(x.sequence().flat.cols == steps, who, ": x has ", x.sequence().flat.cols, " columns for ",
                         x.shape());
  const auto& tokens = x.tokens();
  require_shape(tokens.ids_per_step > 0 && static_cast<Index>(tokens.tokens.size()) == steps * tokens.ids_per_step, who,
                ": x has ", tokens.tokens.size(), " ids for B x T = ", x.batch(), " x ", x.time(), ", ",
                tokens.ids_per_step, " per step");
}

/// y has `rows` features and the B and T of x.
template <class T>
void require_beside(const EntryPoint& who, const char* what, const SequenceView<T>& y, Index rows, const Extent& x) {
  require_shape(y.features() == rows && y.batch() == x.batch && y.time() == x.time && y.flat.cols == x.batch * x.time,
                who, ": ", what, " is ", SequenceShape{y.features(), y.batch(), y.time()}, ", wanted ", rows, " x ",
                x.batch, " x ", x.time);
}

/// y has `rows` features and the B, T and lengths of x.
template <class T>
void require_outputs(const EntryPoint& who, const char* what, const SequenceView<T>& y, Index rows, const Extent& x) {
  require_beside(who, what, y, rows, x);
  require_shape(y.extent.same_lengths(x), who, ": ", what, " does not have the lengths of x");
}

/// dE has no data, or x is tokens and dE has the shape of their embedding matrix.
template <class Scalar, class Device>
void require_dE(const EntryPoint& who, const RecurrentInput<Scalar, Device>& x, MatrixView<Scalar> dE,
                bool to_features) {
  require_shape(!(x.is_tokens() && to_features), who, ": x is tokens, whose gradient goes to a matrix dE");
  if (!dE.data) return;
  require_shape(x.is_tokens(), who, ": x is features, whose gradient goes to dx, not to a matrix dE");
  require_matrix(who, "dE", dE, x.features(), x.tokens().E.cols, "D x V");
}

/// The cache is that of a forward pass over x by a layer with these weights and options.
template <class Cell, class Scalar, class Device>
void require_cache(const EntryPoint& who, const RecurrentCache<Scalar, Device>& cache,
                   const RecurrentWeights<const Scalar>& w, const PassOptions& options, const Extent& x) {
  const RecurrentShape& shape = w.shape;
  const Index H = shape.hidden, GH = Cell::kGates * H, cell = Cell::kHasC ? H : 0;
  const auto fits = [&](const Sequence<Scalar, Device>& s, Index rows, Index time) {
    return s.features() == rows && s.batch() == x.batch && s.time() == time;
  };
  const auto [gate_rows, cell_rows] =
      RecurrentCache<Scalar, Device>::template saved_rows<Cell>(shape, options.precision);
  const bool normed = !w.norm_x.data || (fits(cache.x_hat, GH, x.time) && fits(cache.h_hat, GH, x.time) &&
                                         (!Cell::kHasC || fits(cache.c_hat, H, x.time)) && fits(cache.rstd, 3, x.time));
  const bool zoned = !Cell::kHasC || options.zoneout_c == 0 || fits(cache.c_new, H, x.time);
  require_shape(normed && zoned && fits(cache.h0, shape.output, 1) && fits(cache.c0, cell, 1) &&
                    fits(cache.gates, gate_rows, x.time) && fits(cache.c, cell_rows, x.time) &&
                    fits(cache.tanh_c, cell_rows, x.time) && fits(cache.m, shape.projects() ? H : 0, x.time) &&
                    cache.gates.extent().same_lengths(x),
                who, ": the cache is not that of a forward pass over x, ", SequenceShape{shape.input, x.batch, x.time});
}

}  // namespace rondo::inline RONDO_ABI::detail
