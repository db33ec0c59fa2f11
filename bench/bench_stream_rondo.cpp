// SPDX-License-Identifier: MIT
#include "bench_stream.hpp"

#include <rondo/layers/gru.hpp>
#include <rondo/layers/streaming.hpp>

#include <algorithm>
#include <cstddef>
#include <span>

namespace bench {

struct RondoStream::Stream {
  virtual ~Stream() = default;
  virtual void process(const float* x, float* y, int steps) = 0;
  virtual void step(const float* x, float* y) = 0;
};

namespace {

rondo::StreamingOptions options_of(const StreamCase& which) {
  using rondo::WeightPrecision;
  return {.math = which.fast ? rondo::Math::fast : rondo::Math::exact,
          .precision = which.weight_bits == 8    ? WeightPrecision::int8
                       : which.weight_bits == 16 ? WeightPrecision::bf16
                                                 : WeightPrecision::fp32,
          .voices = which.voices};
}

template <class Cell>
struct StreamOf final : RondoStream::Stream {
  StreamOf(const StreamCase& which, rondo::Rng& rng)
      : stream(rondo::Recurrent<Cell, float>({.input = 1, .hidden = which.hidden, .layers = which.layers}, rng),
               rondo::Linear<float>(which.hidden, 1, rng), options_of(which)),
        voices(static_cast<std::size_t>(which.voices)) {}
  void process(const float* x, float* y, int steps) override {
    const std::size_t count = static_cast<std::size_t>(steps) * voices;
    stream.process({x, count}, {y, count});
  }
  void step(const float* x, float* y) override { std::ranges::copy(stream.step({x, voices}), y); }

  rondo::StreamingRecurrent<Cell, float> stream;
  std::size_t voices;
};

}  // namespace

RondoStream::RondoStream(const StreamCase& which) {
  rondo::Rng rng(1);
  if (which.gru)
    stream_ = std::make_unique<StreamOf<rondo::GruCell>>(which, rng);
  else
    stream_ = std::make_unique<StreamOf<rondo::LstmCell>>(which, rng);
}

RondoStream::~RondoStream() = default;

void RondoStream::step(const float* x, float* y) { stream_->step(x, y); }

void RondoStream::process(const float* x, float* y, int steps) { stream_->process(x, y, steps); }

}  // namespace bench
