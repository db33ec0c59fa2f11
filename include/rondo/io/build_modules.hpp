// SPDX-License-Identifier: MIT
// Makes layers with the weights of a ModelDescription. For InferenceModel and StreamingModel.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/random.hpp>
#include <rondo/io/model_description.hpp>
#include <rondo/io/weights.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/gru.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/lstm_variants.hpp>

#include <cmath>
#include <string>
#include <utility>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Sets the weights of a layer from the tensors of its module. Throws file_error.
template <class Layer>
Layer with_weights(Layer layer, const ModelDescription& model, const Module& module) {
  Safetensors own;
  const std::string prefix = module.name.empty() ? "" : module.name + ".";
  std::visit(
      [&](const auto& part) {
        for (const WantedTensor& wanted : wanted_tensors(part))
          if (const auto found = model.weights.tensors.find(prefix + wanted.name); found != model.weights.tensors.end())
            own.tensors.emplace(wanted.name, found->second);
      },
      module.part);
  try {
    read_weights(own, layer);
  } catch (const file_error& e) {
    throw file_error("module " + module.name + ": " + e.what());
  }
  return layer;
}

/// Calls f with the network of a recurrent module, a Recurrent<Cell, Scalar>.
template <class Scalar, class F>
decltype(auto) with_network(const ModelDescription& model, const Module& module, F&& f) {
  const auto& part = std::get<RecurrentModule>(module.part);
  Rng rng(0);
  switch (part.cell) {
    case CellType::gru:
      return f(with_weights(Gru<Scalar>(part.config, rng), model, module));
    case CellType::peephole_lstm:
      return f(with_weights(PeepholeLstm<Scalar>(part.config, rng), model, module));
    case CellType::lstm:
      break;
  }
  return f(with_weights(Lstm<Scalar>(part.config, rng), model, module));
}

template <class Scalar>
Linear<Scalar> make_linear(const ModelDescription& model, const Module& module) {
  Rng rng(0);
  return with_weights(Linear<Scalar>(std::get<LinearModule>(module.part).config, rng), model, module);
}

template <class Scalar>
Embedding<Scalar> make_embedding(const ModelDescription& model, const Module& module) {
  const auto& part = std::get<EmbeddingModule>(module.part);
  Rng rng(0);
  return with_weights(Embedding<Scalar>(part.vocabulary, part.features, rng), model, module);
}

/// f(x) of one value.
template <class Scalar>
Scalar activate(Activation activation, Scalar x) {
  switch (activation) {
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::relu:
      return x > 0 ? x : Scalar(0);
    case Activation::elu:
      return x > 0 ? x : std::expm1(x);
    case Activation::softplus:
      return x > 20 ? x : std::log1p(std::exp(x));
  }
  return x;
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI
