// SPDX-License-Identifier: MIT
// Calibration: whether confidence equals accuracy. Predictions are sorted into bins by their confidence, the
// probability of the most likely token. The expected calibration error is the difference between confidence and
// accuracy of a bin, averaged over the bins, weighted by their number of predictions (Guo, Pleiss, Sun and Weinberger
// 2017, https://arxiv.org/abs/1706.04599, equations 2, 3 and 5).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace piano {

class Calibration {
 public:
  static constexpr std::size_t kBins = 15;  // of equal width; bin k holds confidences in (k / 15, (k + 1) / 15]

  struct Bin {
    std::size_t count = 0, correct = 0;
    double confidence_sum = 0;

    double confidence() const { return count > 0 ? confidence_sum / static_cast<double>(count) : 0; }
    double accuracy() const { return count > 0 ? static_cast<double>(correct) / static_cast<double>(count) : 0; }
  };

  /// Adds one prediction: the probability of its most likely token, 0..1, and whether that was the target. NaN falls
  /// into the first bin.
  void add(double confidence, bool correct) {
    const double place = std::ceil(confidence * static_cast<double>(kBins)) - 1;
    Bin& bin = bins_[place > 0 ? std::min(static_cast<std::size_t>(place), kBins - 1) : 0];
    bin.count += 1;
    bin.correct += correct;
    bin.confidence_sum += confidence;
  }

  /// Adds the predictions of another one.
  void add(const Calibration& other) {
    for (std::size_t k = 0; k < kBins; ++k) {
      bins_[k].count += other.bins_[k].count;
      bins_[k].correct += other.bins_[k].correct;
      bins_[k].confidence_sum += other.bins_[k].confidence_sum;
    }
  }

  const std::array<Bin, kBins>& bins() const { return bins_; }

  std::size_t count() const {
    std::size_t sum = 0;
    for (const Bin& bin : bins_) sum += bin.count;
    return sum;
  }

  /// Fraction of all predictions that were correct; 0 without predictions.
  double accuracy() const {
    std::size_t correct = 0;
    for (const Bin& bin : bins_) correct += bin.correct;
    return static_cast<double>(correct) / static_cast<double>(std::max<std::size_t>(count(), 1));
  }

  /// Expected calibration error, 0 (calibrated) to 1; 0 without predictions.
  double error() const {
    double sum = 0;
    for (const Bin& bin : bins_) sum += std::abs(static_cast<double>(bin.correct) - bin.confidence_sum);
    return sum / static_cast<double>(std::max<std::size_t>(count(), 1));
  }

 private:
  std::array<Bin, kBins> bins_{};
};

}  // namespace piano
