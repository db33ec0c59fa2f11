// SPDX-License-Identifier: MIT
#include "bench_stream.hpp"

#include <rondo/layers/gru.hpp>
#include <rondo/layers/streaming.hpp>

namespace bench {

struct RondoStream::Stream {
  explicit Stream(const rondo::Lstm<float>& from) : lstm(from) {}
  rondo::StreamingLstm<float> lstm;
};

RondoStream::RondoStream(int hidden) {
  rondo::Rng rng(1);
  stream_ = std::make_unique<Stream>(rondo::Lstm<float>({.input = 1, .hidden = hidden}, rng));
}

RondoStream::~RondoStream() = default;

float RondoStream::step(float x) { return stream_->lstm.step(std::span(&x, 1))[0]; }

struct RondoGruStream::Stream {
  explicit Stream(const rondo::Gru<float>& from) : gru(from) {}
  rondo::StreamingGru<float> gru;
};

RondoGruStream::RondoGruStream(int hidden) {
  rondo::Rng rng(1);
  stream_ = std::make_unique<Stream>(rondo::Gru<float>({.input = 1, .hidden = hidden}, rng));
}

RondoGruStream::~RondoGruStream() = default;

float RondoGruStream::step(float x) { return stream_->gru.step(std::span(&x, 1))[0]; }

}  // namespace bench
