// SPDX-License-Identifier: MIT
// Longest matches of one sequence in another, by a suffix array (Manber and Myers 1993): all suffixes of the text in
// lexicographical order, so that suffixes with a common prefix are adjacent.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace piano {

class SuffixArray {
 public:
  struct Match {
    std::size_t length = 0;
    std::size_t at = 0;  // in the text
  };

  /// Sorts by prefix doubling, O(n log^2 n) also for repetitive texts.
  explicit SuffixArray(std::vector<std::int32_t> text = {}) : text_(std::move(text)), order_(text_.size()) {
    const std::size_t n = text_.size();
    std::iota(order_.begin(), order_.end(), 0u);
    // rank[i]: the number of suffixes that are smaller than suffix i in their first `width` symbols
    std::vector<std::int64_t> rank(text_.begin(), text_.end()), next(n);
    std::vector<std::pair<std::int64_t, std::int64_t>> keys(n);
    for (std::size_t width = 1; n > 0; width *= 2) {
      for (std::size_t i = 0; i < n; ++i) keys[i] = {rank[i], i + width < n ? rank[i + width] : INT64_MIN};
      std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) { return keys[a] < keys[b]; });
      std::int64_t value = 0;
      for (std::size_t k = 0; k < n; ++k) {
        if (k > 0 && keys[order_[k - 1]] != keys[order_[k]]) value = static_cast<std::int64_t>(k);
        next[order_[k]] = value;
      }
      rank.swap(next);
      const auto same = [&](std::uint32_t a, std::uint32_t b) { return rank[a] == rank[b]; };
      if (std::ranges::adjacent_find(order_, same) == order_.end()) break;  // all differ
    }
  }

  std::span<const std::int32_t> text() const { return text_; }

  /// The longest prefix of `query` that occurs in the text, and one position of it. O(length log n).
  Match longest_prefix(std::span<const std::int32_t> query) const {
    const auto suffix = [&](std::uint32_t at) { return text().subspan(at); };
    const auto place = std::ranges::lower_bound(order_, query, std::ranges::lexicographical_compare, suffix);
    Match best;
    const auto try_at = [&](std::uint32_t at) {
      const auto tail = suffix(at);
      const auto end = std::ranges::mismatch(query, tail).in1;
      const auto length = static_cast<std::size_t>(end - query.begin());
      if (length > best.length) best = {length, at};
    };
    // The suffixes with the longest common prefix are the neighbours in the order.
    if (place != order_.end()) try_at(*place);
    if (place != order_.begin()) try_at(*std::prev(place));
    return best;
  }

 private:
  std::vector<std::int32_t> text_;
  std::vector<std::uint32_t> order_;  // starts of the suffixes, in lexicographical order
};

}  // namespace piano
