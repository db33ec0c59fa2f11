// SPDX-License-Identifier: MIT
// Sequence: the one tensor, features x batch x time, features fastest. Its bytes are those of PyTorch's contiguous
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

/// Writes itself as "88 x 16 x 64 (C x B x T)", and only once a message needs it: checks cost no memory.
struct SequenceShape {
  Index features, batch, time;
  friend std::ostream& operator<<(std::ostream& out, const SequenceShape& s) {
    return out << s.features << " x " << s.batch << " x " << s.time << " (C x B x T)";
  }
};

/// C x B x T numbers. Element (c, b, t) lies at c + C * (b + B * t).
///
/// With `lengths` the batch is ragged: sequence b has lengths[b] <= T steps. What lies past an end is padding: layers
/// ignore it and write zeros there. Sequences may stand in any order; the longest first saves the most work.
template <class Scalar, class Device = Cpu>
class Sequence {
 public:
  Sequence() = default;
  Sequence(Index features, Index batch, Index time) { resize(features, batch, time); }

  /// With these values, on the host, in the order of memory: features fastest, then the batch, then time. Throws
  /// shape_error unless there are C * B * T.
  Sequence(Index features, Index batch, Index time, std::span<const Scalar> values) : Sequence(features, batch, time) {
    require_shape(static_cast<Index>(values.size()) == size(), "Sequence: ", values.size(), " values for ", shape());
    set_values(values.data());
  }

  /// From [time][batch][features], e.g. a vector of vectors of vectors of numbers; a braced list will do:
  /// Sequence<float>::from_nested({{{1, 2}}, {{3, 4}}}) is 2 x 1 x 2. Throws shape_error unless every step has as many
  /// sequences as the first, and every one of those as many features.
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

  /// Takes a new shape and forgets lengths. Contents are unspecified; memory is kept for reuse.
  void resize(Index features, Index batch, Index time) {
    require_shape(features >= 0 && batch >= 0 && time >= 0, "Sequence::resize: negative shape ", features, " x ", batch,
                  " x ", time, " (C x B x T)");
    features_ = features, batch_ = batch, time_ = time;
    values_.resize(features * batch * time);
    lengths_.clear();
  }

  /// The shape and the lengths of `other`, with `features` of its own.
  template <class OtherScalar>
  void resize_like(const Sequence<OtherScalar, Device>& other, Index features) {
    resize(features, other.batch(), other.time());
    lengths_.assign(other.lengths().begin(), other.lengths().end());
  }

  Index features() const { return features_; }
  Index batch() const { return batch_; }
  Index time() const { return time_; }
  Index size() const { return features_ * batch_ * time_; }

  /// Step t: C x B.
  MatrixView<Scalar> at(Index t) { return flat().columns(t * batch_, batch_); }
  MatrixView<const Scalar> at(Index t) const { return flat().columns(t * batch_, batch_); }

  /// All steps side by side: C x (B*T), column b + B * t.
  MatrixView<Scalar> flat() { return {values_.data(), features_, batch_ * time_, features_}; }
  MatrixView<const Scalar> flat() const { return {values_.data(), features_, batch_ * time_, features_}; }

  Scalar& operator()(Index c, Index b, Index t) requires std::is_same_v<Device, Cpu> {
    return values_.data()[c + features_ * (b + batch_ * t)];
  }
  const Scalar& operator()(Index c, Index b, Index t) const requires std::is_same_v<Device, Cpu> {
    return values_.data()[c + features_ * (b + batch_ * t)];
  }

  /// Every number = value, in padding too.
  void fill(Scalar value) {
    using rondo::fill;
    fill(Device{}, flat(), value);
  }
  void set_zero() { fill(Scalar(0)); }

  Scalar* data() { return values_.data(); }
  const Scalar* data() const { return values_.data(); }

  // ---- ragged batches

  /// Makes the batch ragged: one length in 0..T for each of its B sequences. An empty span makes it dense again.
  void set_lengths(std::span<const Index> lengths) {
    require_shape(lengths.empty() || static_cast<Index>(lengths.size()) == batch_,
                  "Sequence::set_lengths: ", lengths.size(), " lengths for B = ", batch_);
    for (Index length : lengths)
      require_shape(0 <= length && length <= time_, "Sequence::set_lengths: length ", length, " with T = ", time_);
    lengths_.assign(lengths.begin(), lengths.end());
  }

  bool ragged() const { return !lengths_.empty(); }
  std::span<const Index> lengths() const { return lengths_; }
  Extent extent() const { return {batch_, time_, lengths_}; }
  Index length(Index b) const { return extent().length(b); }
  bool active(Index b, Index t) const { return extent().active(b, t); }
  Index active_columns(Index t) const { return extent().active_columns(t); }
  Index active_steps() const { return extent().active_steps(); }

  /// Everything, as passes see it.
  SequenceView<Scalar> view() { return {flat(), extent()}; }
  SequenceView<const Scalar> view() const { return {flat(), extent()}; }

  /// For messages.
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

/// f(first, count) for the runs of columns of x.flat() that hold its active steps.
template <class Scalar, class Device, class F>
void for_each_active_run(const Sequence<Scalar, Device>& x, F&& f) {
  for_each_active_run(x.extent(), f);
}

}  // namespace rondo::inline RONDO_ABI
