// SPDX-License-Identifier: MIT
// The choice of a streaming kernel by the size of a layer, for every level: no include guard, no includes.

/// Padded sizes that have a kernel of their own. Above them weights do not fit the L1 cache or rows do not fit
/// registers.
template <int... kUnits>
struct StreamSizes {
  template <class Cell, class Tanh>
  static StreamForm form(long hidden) {
    constexpr StreamLayout kAnySize{kLanes, 0, false};
    StreamForm form{kAnySize, stream_project, StreamBroadcast<Cell, Tanh>::run, nullptr};
    form.layout.units = (hidden + 3) / 4 * 4;
    (void)((hidden <= kUnits && (form = small_form<Cell, Tanh, kUnits>(), true)) || ...);
    return form;
  }

  template <class Cell, class Tanh, int kSize>
  static StreamForm small_form() {
    using Rotation = StreamRotation<Cell, Tanh, kSize>;
    using Run =
        std::conditional_t<kLanes == 16 && (Rotation::kFamilies > 1), StreamOverlap<Cell, Tanh, kSize>, Rotation>;
    StreamForm form{Rotation::kLayout, stream_project, Run::run, nullptr};
    // Pairs of the LSTM alone: each kernel costs every program that streams compile time.
    if constexpr (Cell::kHasC && Rotation::kFamilies == 1 && Rotation::kVectors == 4)
      form.run_pair = StreamPair<Cell, Tanh, kSize>::run;
    return form;
  }
};

using RotatedSizes = std::conditional_t<kLanes == 16, StreamSizes<12, 16, 20, 24, 32, 40>,
                                        std::conditional_t<kLanes == 8, StreamSizes<8, 12, 16, 20>, StreamSizes<4, 8>>>;

template <class Cell>
constexpr auto stream_voices(bool fast) {
  return fast ? StreamVoices<Cell, FastTanh>::run : StreamVoices<Cell, ExactTanh>::run;
}

template <class Cell>
StreamForm stream_form(long hidden, bool fast) {
  return fast ? RotatedSizes::form<Cell, FastTanh>(hidden) : RotatedSizes::form<Cell, ExactTanh>(hidden);
}
