// SPDX-License-Identifier: MIT
#include "cuda_case.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

namespace bench {
namespace {

using namespace rondo;

Sequence<float, Cuda> random_sequence(Index features, const Shape& s, Rng& rng) {
  Sequence<float> x(features, s.B, s.T);
  for (float& value : std::span(x.data(), static_cast<std::size_t>(x.size())))
    value = static_cast<float>(rng() >> 8) * 0x1p-23f - 1;  // 24 bits, from one draw
  return to<Cuda>(x);
}

Lstm<float, Cuda> make_lstm(const Inputs& in, Precision precision) {
  Rng rng(in.seed, 1);
  const Shape& s = in.shape;
  return {{.input = s.C, .hidden = s.H, .layers = s.L, .precision = precision}, rng};
}

void set_state(LstmState<float, Cuda>& state, float h, float c) {
  fill(Cuda{}, state.h.flat(), h), fill(Cuda{}, state.c.flat(), c);
}

/// Selects the steps whose values are copied to the host: the first and the last, on which all others have an
/// influence, and some between.
constexpr Index kSteps = 16;

void add(std::vector<Outputs::Tensor>& to, std::string name, MatrixView<float> a) {
  Outputs::Tensor tensor{std::move(name), std::sqrt(squared_norm(Cuda{}, a)), {}};
  with_host_copy(Cuda{}, a, [&](auto host) { tensor.values.assign(host.data, host.data + host.rows * host.cols); });
  to.push_back(std::move(tensor));
}

void add(std::vector<Outputs::Tensor>& to, std::string name, Sequence<float, Cuda>& a) {
  Outputs::Tensor tensor{std::move(name), std::sqrt(squared_norm(Cuda{}, a.flat())), {}};
  const Index last = a.time() - 1, count = std::min(kSteps, a.time());
  for (Index i = 0; i < count; ++i)
    with_host_copy(Cuda{}, a.at(count > 1 ? i * last / (count - 1) : 0), [&](auto host) {
      tensor.values.insert(tensor.values.end(), host.data, host.data + host.rows * host.cols);
    });
  to.push_back(std::move(tensor));
}

/// Unit roundoff of the operands of products, as in docs/08-numerics.md; gradients of fp16 use bf16.
double unit_roundoff(Precision precision, bool backward) {
  switch (precision) {
    case Precision::fp32:
      return 0;  // operands are not rounded
    case Precision::tf32:
      return 0x1p-11;  // cuBLAS may truncate
    case Precision::fp16:
      return backward ? 0x1p-9 : 0x1p-12;
    case Precision::bf16:
      return 0x1p-9;
  }
  return 0;
}

}  // namespace

Inputs::Inputs(const Shape& s, std::uint64_t from_seed) : shape(s), seed(from_seed) {
  Rng rng(seed);
  x = random_sequence(s.C, s, rng);
  dy = random_sequence(s.H, s, rng);
}

Difference largest_difference(const std::vector<Outputs::Tensor>& got, const std::vector<Outputs::Tensor>& wanted) {
  Difference worst;
  const auto take = [&](double error, const std::string& name) {
    if (!(error <= worst.error) && !std::isnan(worst.error)) worst = {error, name};
  };
  for (std::size_t n = 0; n < wanted.size(); ++n) {
    const auto& [name, norm, values] = wanted[n];
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double one = values[i], other = got[n].values[i];
      difference += (other - one) * (other - one), size += one * one;
    }
    take(std::sqrt(difference / size), name);
    take(std::abs(got[n].norm - norm) / norm, name);
  }
  return worst;
}

double tolerance(Precision precision, Index H, bool backward) {
  return 8 * (unit_roundoff(precision, backward) + 0x1p-24 * std::sqrt(4 * static_cast<double>(H)));
}

CudaLstm::CudaLstm(const Inputs& inputs, Precision precision)
    : inputs_(inputs),
      lstm_(make_lstm(inputs, precision)),
      state_(lstm_.zero_state(inputs.shape.B)),
      d_state_(state_) {}

void CudaLstm::forward() {
  set_state(state_, 0.1f, -0.2f);
  lstm_.forward(inputs_.x, state_, cache_, Inference{});
}

void CudaLstm::backward() {
  zero_grad(lstm_);
  set_state(d_state_, -0.3f, 0.2f);
  lstm_.backward(inputs_.x, inputs_.dy, cache_, d_state_, &dx_);
}

Outputs CudaLstm::outputs() {
  forward(), backward();  // allocates
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (auto& layer : cache_.layers) {
    auto& pass = layer.passes[0];
    auto& work = pass.workspace;
    for (auto* s : {&pass.gates, &pass.c, &pass.tanh_c, &layer.y}) fill(Cuda{}, s->flat(), kNan);
    fill(Cuda{}, MatrixView<float>{work.dz.data(), work.dz.size(), 1, work.dz.size()}, kNan);
    for (auto* low : {&work.gates_low, &work.c_low, &work.tanh_c_low, &work.dz_low})
      fill(Cuda{}, MatrixView<std::uint16_t>{low->data(), low->size(), 1, low->size()}, 0x7fff);  // NaN in both formats
  }
  fill(Cuda{}, dx_.flat(), kNan);
  forward();
  Outputs out;
  add(out.forward, "y", cache_.layers.back().y);
  add(out.forward, "h", state_.h.flat());
  add(out.forward, "c", state_.c.flat());
  backward();
  add(out.backward, "dx", dx_);
  add(out.backward, "dh", d_state_.h.flat());
  add(out.backward, "dc", d_state_.c.flat());
  lstm_.for_each_parameter(
      [&](const Path& path, auto& p) { add(out.backward, "d " + std::string(path.text()), p.grad()); });
  return out;
}

}  // namespace bench
