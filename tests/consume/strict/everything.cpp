// SPDX-License-Identifier: MIT
// Every header, and the main templates instantiated, for a compiler whose warnings are errors. Nothing here is run.
#include "every_header.hpp"  // written by CMake; rondo.hpp, cuda.hpp and io/ among them

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

// All members of the class templates.
template class rondo::Sequence<float>;
template class rondo::Sequence<double>;
template class rondo::Lstm<float>;
template class rondo::Lstm<double>;
template class rondo::InferenceLstm<float>;
template class rondo::InferenceLstm<double>;
template class rondo::StreamingLstm<float>;
template class rondo::StreamingLstm<float, 3, 16>;
template class rondo::StreamingLstm<double>;
template class rondo::Linear<float>;
template class rondo::Linear<double>;
template class rondo::Embedding<float>;
template class rondo::Embedding<double>;
template class rondo::TokenModel<float>;
template class rondo::TokenModel<double>;
template class rondo::Lstm<float, rondo::Cuda>;
template class rondo::InferenceLstm<float, rondo::Cuda>;
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
  const rondo::Loss loss = model.forward_backward(tokens, tokens, 1, time, state, cache, &rng);
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
