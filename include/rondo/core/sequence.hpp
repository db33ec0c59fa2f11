// SPDX-License-Identifier: MIT
// Sequence: the tensor type, features x batch x time, features fastest. Its memory is that of PyTorch's contiguous
// (T, B, C) tensor. See docs/03-layout.md.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/error.hpp>
#include <rondo/core/sequence_view.hpp>
#include <rondo/core/view.hpp>

#include <algorithm>
#include <iterator>
#include <ostream>
#include <span>
#include <type_traits>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// Printable as "88 x 16 x 64 (C x B x T)"; formatted only when an error is thrown.
struct SequenceShape {
  Index features;  ///< C
  Index batch;     ///< B
  Index time;      ///< T
  /// Writes "C x B x T (C x B x T)" with the sizes.
  friend std::ostream& operator<<(std::ostream& out, const SequenceShape& s) {
    return out << s.features << " x " << s.batch << " x " << s.time << " (C x B x T)";
  }
};

/// A batch of sequences, C x B x T: C features, B sequences, T time steps. Element (c, b, t) is at index
/// c + C * (b + B * t) of data().
///
/// With `lengths` the batch is ragged: sequence b has lengths[b] <= T steps. Steps past the end of a sequence are
/// padding: layers ignore them and write zeros there. Any order works; sequences sorted by decreasing length are
/// fastest.
///
/// @code
/// rondo::Sequence<float> x(3, 2, 10);  // 3 features, 2 sequences, 10 steps
/// x(0, 1, 9) = 0.5f;                   // last step of the second sequence
/// x.set_lengths(std::array<rondo::Index, 2>{10, 7});
/// @endcode
template <class Scalar, class Device = Cpu>
class Sequence {
 public:
  Sequence() = default;
  /// C x B x T unspecified values. Throws shape_error if a size is negative.
  Sequence(Index features, Index batch, Index time) { resize(features, batch, time); }

  /// Copies `values` from the host, in memory order: features fastest, then the batch, then time. Throws shape_error
  /// unless there are C * B * T values.
  Sequence(Index features, Index batch, Index time, std::span<const Scalar> values) : Sequence(features, batch, time) {
    require_shape(static_cast<Index>(values.size()) == size(), "Sequence: ", values.size(), " values for ", shape());
    set_values(values.data());
  }

  /// Copies values from a nested range [time][batch][features], e.g. a vector of vectors of vectors; braced lists work
  /// too: `Sequence<float>::from_nested({{{1, 2}}, {{3, 4}}})` is 2 x 1 x 2. Throws shape_error unless all steps have
  /// the same number of sequences and all sequences the same number of features.
  template <class Nested = std::vector<std::vector<std::vector<Scalar>>>>
  static Sequence from_nested(const Nested& steps) {
    const auto count = [](const auto& range) { return static_cast<Index>(std::size(range)); };
    const Index T = count(steps), B = T > 0 ? count(*std::begin(steps)) : 0;
    const Index C = B > 0 ? count(*std::begin(*std::begin(steps))) : 0;
    std::vector<Scalar> values;
    values.reserve(static_cast<std::size_t>(C * B * T));
    Index t = 0;
    for (const auto& step : steps) {
      require_shape(count(step) == B, "Sequence::from_nested: step ", t, " has ", count(step),
                    " sequences, step 0 has ", B);
      Index b = 0;
      for (const auto& features : step) {
        require_shape(count(features) == C, "Sequence::from_nested: step ", t, " of sequence ", b, " has ",
                      count(features), " features, the first has ", C);
        for (const auto& value : features) values.push_back(static_cast<Scalar>(value));
        ++b;
      }
      ++t;
    }
    return Sequence(C, B, T, values);
  }

  /// Changes the shape and clears lengths. Contents are unspecified; memory is reused. Throws shape_error if a size is
  /// negative.
  void resize(Index features, Index batch, Index time) {
    require_shape(features >= 0 && batch >= 0 && time >= 0, "Sequence::resize: negative shape ", features, " x ", batch,
                  " x ", time, " (C x B x T)");
    features_ = features, batch_ = batch, time_ = time;
    values_.resize(features * batch * time);
    lengths_.clear();
  }

  /// Resizes to `features` x B x T with the B, T and lengths of `other`. Contents are unspecified.
  template <class OtherScalar>
  void resize_like(const Sequence<OtherScalar, Device>& other, Index features) {
    resize(features, other.batch(), other.time());
    lengths_.assign(other.lengths().begin(), other.lengths().end());
  }

  Index features() const { return features_; }               ///< C
  Index batch() const { return batch_; }                     ///< B
  Index time() const { return time_; }                       ///< T
  Index size() const { return features_ * batch_ * time_; }  ///< C * B * T

  /// Step t, a view C x B.
  MatrixView<Scalar> at(Index t) { return flat().columns(t * batch_, batch_); }
  /// Step t, a read-only view C x B.
  MatrixView<const Scalar> at(Index t) const { return flat().columns(t * batch_, batch_); }

  /// All steps, a view C x (B*T); column b + B * t is step t of sequence b.
  MatrixView<Scalar> flat() { return {values_.data(), features_, batch_ * time_, features_}; }
  /// All steps, a read-only view C x (B*T).
  MatrixView<const Scalar> flat() const { return {values_.data(), features_, batch_ * time_, features_}; }

  /// Element of feature c, sequence b, step t. Unchecked; CPU only.
  Scalar& operator()(Index c, Index b, Index t) requires std::is_same_v<Device, Cpu> {
    return values_.data()[c + features_ * (b + batch_ * t)];
  }
  /// Element of feature c, sequence b, step t, read-only. Unchecked; CPU only.
  const Scalar& operator()(Index c, Index b, Index t) const requires std::is_same_v<Device, Cpu> {
    return values_.data()[c + features_ * (b + batch_ * t)];
  }

  /// Sets every element to `value`, padding included.
  void fill(Scalar value) {
    using rondo::fill;
    fill(Device{}, flat(), value);
  }
  void set_zero() { fill(Scalar(0)); }  ///< fill(0)

  Scalar* data() { return values_.data(); }              ///< first element, in the memory of Device
  const Scalar* data() const { return values_.data(); }  ///< first element, in the memory of Device

  // ---- ragged batches

  /// Makes the batch ragged: one length in 0..T for each of the B sequences. An empty span makes it dense. Throws
  /// shape_error for a wrong number of lengths or a length out of range.
  void set_lengths(std::span<const Index> lengths) {
    require_shape(lengths.empty() || static_cast<Index>(lengths.size()) == batch_,
                  "Sequence::set_lengths: ", lengths.size(), " lengths for B = ", batch_);
    for (Index length : lengths)
      require_shape(0 <= length && length <= time_, "Sequence::set_lengths: length ", length, " with T = ", time_);
    lengths_.assign(lengths.begin(), lengths.end());
  }

  bool ragged() const { return !lengths_.empty(); }            ///< whether lengths are set
  std::span<const Index> lengths() const { return lengths_; }  ///< B lengths; empty if dense
  Extent extent() const { return {batch_, time_, lengths_}; }  ///< B, T and lengths
  Index length(Index b) const { return extent().length(b); }   ///< steps of sequence b
  /// Whether step t of sequence b is valid, not padding.
  bool active(Index b, Index t) const { return extent().active(b, t); }
  /// Extent::active_columns.
  Index active_columns(Index t) const { return extent().active_columns(t); }
  /// Number of valid steps over all sequences.
  Index active_steps() const { return extent().active_steps(); }

  /// Non-owning view of all steps.
  SequenceView<Scalar> view() { return {flat(), extent()}; }
  /// Non-owning, read-only view of all steps.
  SequenceView<const Scalar> view() const { return {flat(), extent()}; }

  /// C x B x T, printable.
  SequenceShape shape() const { return {features_, batch_, time_}; }

 private:
  void set_values(const Scalar* values) {
    if constexpr (std::is_same_v<Device, Cpu>) {
      std::copy_n(values, size(), values_.data());
    } else {
      const auto to = flat();
      upload(Device{}, MatrixView<const Scalar>{values, to.rows, to.cols, to.rows}, to);  // the backend's
    }
  }

  Index features_ = 0, batch_ = 0, time_ = 0;
  Buffer<Scalar, Device> values_;
  std::vector<Index> lengths_;
};

/// Calls f(first, count) for the runs of columns of x.flat() that hold valid steps.
template <class Scalar, class Device, class F>
void for_each_active_run(const Sequence<Scalar, Device>& x, F&& f) {
  for_each_active_run(x.extent(), f);
}

}  // namespace rondo::inline RONDO_ABI
