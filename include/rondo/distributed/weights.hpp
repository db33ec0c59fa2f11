// SPDX-License-Identifier: MIT
// The weights of a model on all ranks: copied from one rank, compared, or as one vector in the memory of the host.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/distributed/communicator.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Calls f(parameter, the part of `all` that has its values), in the order of for_each_parameter. all: as many values
/// as the model has.
template <class Model, class F>
void for_each_part(Model& model, Buffer<float>& all, F&& f) {
  Index at = 0;
  model.for_each_parameter([&](const Path&, auto& p) {
    f(p, MatrixView<float>{all.data() + at, p.rows(), p.cols(), p.rows()});
    at += p.size();
  });
}

}  // namespace detail

/// Copies matrices of all parameters of a model into one vector: of(parameter) is the matrix, e.g. its value.
template <class Model, class Of>
void copy_to_vector(Model& model, Buffer<float>& all, Of&& of) {
  all.resize(parameter_count(model));
  detail::for_each_part(model, all, [&]<class Device>(Parameter<float, Device>& p, MatrixView<float> part) {
    download(Device{}, ConstView<float>(of(p)), part);
  });
}

/// Copies them back.
template <class Model, class Of>
void copy_from_vector(Buffer<float>& all, Model& model, Of&& of) {
  require_shape(all.size() == parameter_count(model), "copy_from_vector: got ", all.size(), " values, the model has ",
                parameter_count(model));
  detail::for_each_part(model, all, [&]<class Device>(Parameter<float, Device>& p, MatrixView<float> part) {
    upload(Device{}, ConstView<float>(part), of(p));
  });
}

/// Copies the weights of rank 0 to all ranks. Collective. Throws communication_error.
template <class Model>
void broadcast_weights(Model& model, Communicator& ranks) {
  if (ranks.size() == 1) return;
  const auto value = [](auto& p) { return p.value(); };
  Buffer<float> all;
  copy_to_vector(model, all, value);
  ranks.broadcast(std::as_writable_bytes(std::span(all.data(), static_cast<std::size_t>(all.size()))));
  copy_from_vector(all, model, value);
}

/// Checks that all ranks have the same weights, bit for bit. Collective. Throws communication_error that names the
/// first rank with others.
template <class Model>
void require_same_weights(Model& model, Communicator& ranks) {
  if (ranks.size() == 1) return;
  Buffer<float> all;
  copy_to_vector(model, all, [](auto& p) { return p.value(); });
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const float value : std::as_const(all))  // FNV-1a, word by word
    hash = (hash ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001b3u;
  require_same(ranks, hash, "other weights");
}

}  // namespace rondo::inline RONDO_ABI
