// SPDX-License-Identifier: MIT
// Includes every header and instantiates the main templates, for a compiler with warnings as errors. Not run.
#include "every_header.hpp"  // written by CMake; rondo.hpp, cuda.hpp and io/ among them

#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

// All members of class templates.
template class rondo::Sequence<float>;
template class rondo::Sequence<double>;
template class rondo::Recurrent<rondo::LstmCell, float>;
template class rondo::Recurrent<rondo::LstmCell, double>;
template class rondo::Recurrent<rondo::GruCell, float>;
template class rondo::Recurrent<rondo::GruCell, double>;
template class rondo::Recurrent<rondo::PeepholeLstmCell, float>;
template class rondo::Recurrent<rondo::CoupledLstmCell, double>;
template class rondo::Recurrent<rondo::CoupledPeepholeLstmCell, double>;
template class rondo::RecurrentLayer<rondo::LstmCell, float>;
template class rondo::RecurrentLayer<rondo::GruCell, double>;
template class rondo::InferenceRecurrent<rondo::LstmCell, float>;
template class rondo::InferenceRecurrent<rondo::LstmCell, double>;
template class rondo::InferenceRecurrent<rondo::GruCell, float>;
template class rondo::InferenceRecurrent<rondo::GruCell, double>;
template class rondo::StreamingRecurrent<rondo::LstmCell, float>;
template class rondo::StreamingRecurrent<rondo::LstmCell, float, 3, 16>;
template class rondo::StreamingRecurrent<rondo::LstmCell, double>;
template class rondo::StreamingRecurrent<rondo::GruCell, float>;
template class rondo::StreamingRecurrent<rondo::GruCell, float, 3, 16>;
template class rondo::StreamingRecurrent<rondo::GruCell, double>;
template class rondo::Linear<float>;
template class rondo::Linear<double>;
template class rondo::Embedding<float>;
template class rondo::Embedding<double>;
template class rondo::TokenModel<float>;
template class rondo::TokenModel<double>;
template class rondo::TokenModel<float, rondo::Cpu, rondo::GruCell>;
template class rondo::InferenceTokenModel<float>;
template class rondo::InferenceTokenModel<double, rondo::Cpu, rondo::GruCell>;
template class rondo::Recurrent<rondo::LstmCell, float, rondo::Cuda>;
template class rondo::InferenceRecurrent<rondo::LstmCell, float, rondo::Cuda>;
template class rondo::TokenModel<float, rondo::Cuda>;

// Function and member templates.

template <class Scalar, class Device>
double train(std::span<const std::int32_t> tokens, rondo::Rng& rng, const std::filesystem::path& path) {
  rondo::TokenModel<Scalar, Device> model({.vocabulary = 5, .embedding = 4, .hidden = 8, .layers = 2}, rng);
  typename rondo::TokenModel<Scalar, Device>::Cache cache;
  rondo::Adam adam({.learning_rate = 1e-2});
  auto state = model.zero_state(1);
  rondo::zero_grad(model);
  const auto time = static_cast<rondo::Index>(tokens.size());
  const rondo::Loss loss = model.forward_backward(tokens, tokens, 1, time, state, cache, rondo::Training{rng});
  const double norm = rondo::clip_grad_norm(model, 1);
  adam.step(model, rondo::WarmupCosine{}(0.5));
  adam.step(model);

  rondo::Safetensors file;
  rondo::add_weights(file, model);
  rondo::add_optimizer(file, model, adam);
  file.write(path);
  rondo::read_weights(rondo::Safetensors::read(path), model);
  rondo::read_optimizer(rondo::Safetensors::read(path), model, adam);
  return loss.mean() + norm;
}

template double train<float, rondo::Cpu>(std::span<const std::int32_t>, rondo::Rng&, const std::filesystem::path&);
template double train<double, rondo::Cpu>(std::span<const std::int32_t>, rondo::Rng&, const std::filesystem::path&);
template double train<float, rondo::Cuda>(std::span<const std::int32_t>, rondo::Rng&, const std::filesystem::path&);

template <class Scalar>
double forward_and_losses(rondo::Rng& rng) {
  rondo::Sequence<Scalar> x(3, 2, 4), d_logits;
  rondo::initialise_normal(x.flat(), 1.0, rng);
  rondo::DropoutCache<Scalar, rondo::Cpu> dropped;
  const auto& y = rondo::dropout(x, 0.5, rng, dropped);
  const std::vector<std::int32_t> targets(8, 1);
  return rondo::softmax_cross_entropy(y, std::span<const std::int32_t>(targets), &d_logits).mean() +
         rondo::bernoulli_cross_entropy(y, x, &d_logits).mean();
}
template double forward_and_losses<float>(rondo::Rng&);
template double forward_and_losses<double>(rondo::Rng&);

// Many-to-one, in both directions, with named layers; then one step of a network in one direction.
template <class Cell, class Scalar>
double forecast(rondo::Rng& rng) {
  rondo::Recurrent<Cell, Scalar> network({.input = 3, .hidden = 4, .bidirectional = true, .dropout = 0.1}, rng);
  rondo::Linear<Scalar> fc(network.output(), 1, rng);
  auto model = rondo::named("network", network, "fc", fc);
  typename rondo::Recurrent<Cell, Scalar>::Cache cache;
  rondo::Sequence<Scalar> x(3, 2, 5), target(1, 2, 1), last, mean, out, d_out, d_last, dy, dx;
  x.set_lengths(std::vector<rondo::Index>{5, 3});
  auto state = network.zero_state(2), d_state = network.zero_state(2);
  const auto& y = network.forward(x, state, cache, rondo::Training{rng});
  rondo::last_step(y, last, network.hidden());
  rondo::mean_over_time(y, mean);
  fc.forward(last, out);
  const double loss =
      rondo::mean_squared_error(out, target, &d_out).mean() + rondo::huber(out, target, 1.0, &d_out).mean();
  rondo::zero_grad(model);
  fc.backward(last, d_out, &d_last);
  rondo::last_step_backward(y, d_last, dy, network.hidden());
  rondo::mean_over_time_backward(y, d_last, dy);
  network.backward(x, dy, cache, d_state, &dx);

  rondo::Recurrent<Cell, Scalar> causal({.input = 3, .hidden = 4}, rng);
  typename rondo::Recurrent<Cell, Scalar>::Scratch scratch;
  auto now = causal.zero_state(2);
  causal.step(x.at(0), now, scratch);
  return loss + static_cast<double>(rondo::parameter_count(std::as_const(model)));
}
template double forecast<rondo::LstmCell, float>(rondo::Rng&);
template double forecast<rondo::GruCell, double>(rondo::Rng&);
template double forecast<rondo::PeepholeLstmCell, float>(rondo::Rng&);

int sample(rondo::Rng& rng, std::span<const float> logits, std::span<const std::uint8_t> allowed) {
  rondo::Sampler sampler({.temperature = 0.9, .top_k = 3, .top_p = 0.9, .min_p = 0.01});
  return sampler(logits, allowed, rng).token;
}

// Music: a file to tokens and back.

std::vector<std::uint8_t> rewritten(const std::filesystem::path& path) {
  const auto read = rondo::midi::read_file(path);
  const auto performance = rondo::midi::extract<rondo::midi::Seconds>(read.file);
  const auto in_ticks = rondo::midi::extract<rondo::midi::Ticks>(read.file);
  const auto tokens = rondo::music::encode(performance);
  rondo::music::Grammar grammar;
  grammar.feed(tokens);
  return rondo::midi::write(rondo::midi::compose(rondo::music::decode(tokens), "again"),
                            {.running_status = in_ticks.notes.empty()});
}
