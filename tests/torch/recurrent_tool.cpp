// SPDX-License-Identifier: MIT
// Rondo's side of compare_recurrent.py: runs networks on data that Python wrote, and writes the results. Each line on
// stdin is "INPUT OUTPUT float|double", two safetensors files and the type to compute in; each reply on stdout is the
// path that computed it.
//
// INPUT: the weights under PyTorch's names, the configuration as text, and data.x, data.h0, data.c0, data.dy, data.dh,
// data.dc, data.lengths (for a ragged batch). The loss is <dy, y> + <dh, h(T)> + <dc, c(T)>. OUTPUT: y, h, c, dx, dh0,
// dc0 and the gradient of each weight under its name, from one forward and one backward pass; y, h, c of inference with
// the prefix "inference."; and, where single steps are possible, those of steps with the prefix "step.".
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <rondo/cpu/threads.hpp>
#include <rondo/io/safetensors.hpp>
#include <rondo/io/weights.hpp>
#include <rondo/layers/gru.hpp>
#include <rondo/layers/inference.hpp>
#include <rondo/layers/lstm.hpp>

using namespace rondo;

namespace {

RecurrentConfig read_config(const Safetensors& file) {
  const auto number = [&](const char* key) { return Index{std::stol(file.metadata.at(key))}; };
  return {.input = number("input"),
          .hidden = number("hidden"),
          .layers = number("layers"),
          .bidirectional = number("bidirectional") != 0,
          .bias = number("bias") != 0,
          .projection = number("projection")};
}

/// A tensor (T, B, C) of PyTorch.
template <class Scalar>
Sequence<Scalar> read_sequence(const Safetensors& file, const std::string& name) {
  const Safetensors::Tensor& tensor = file.tensors.at("data." + name);
  return {tensor.shape.at(2), tensor.shape.at(1), tensor.shape.at(0), Safetensors::values<Scalar>(name, tensor)};
}

template <class Scalar>
void write_sequence(Safetensors& file, const std::string& name, const Sequence<Scalar>& s) {
  file.add<Scalar>(name, {s.time(), s.batch(), s.features()},
                   std::span<const Scalar>(s.data(), static_cast<std::size_t>(s.size())));
}

template <class Cell, class Scalar>
const char* compute(const Safetensors& in, Safetensors& out) {
  using Network = Recurrent<Cell, Scalar>;
  using State = typename Network::State;
  Rng rng(0);
  Network network(read_config(in), rng);
  read_weights(in, network, "data.");
  auto x = read_sequence<Scalar>(in, "x");
  const auto dy = read_sequence<Scalar>(in, "dy");
  if (in.tensors.contains("data.lengths"))
    x.set_lengths(Safetensors::values<Index>("lengths", in.tensors.at("data.lengths")));

  const auto read_state = [&](const std::string& h, const std::string& c) {
    State state = network.zero_state(x.batch());
    state.h = read_sequence<Scalar>(in, h);
    if constexpr (Cell::kHasC) state.c = read_sequence<Scalar>(in, c);
    return state;
  };
  const auto write_state = [&](const std::string& h, const std::string& c, const State& state) {
    write_sequence(out, h, state.h);
    if constexpr (Cell::kHasC) write_sequence(out, c, state.c);
  };

  typename Network::Cache cache;
  State state = read_state("h0", "c0");
  write_sequence(out, "y", network.forward(x, state, cache, Inference{}));
  write_state("h", "c", state);

  State d_state = read_state("dh", "dc");
  Sequence<Scalar> dx;
  zero_grad(network);
  network.backward(x, dy, cache, d_state, &dx);
  write_sequence(out, "dx", dx);
  write_state("dh0", "dc0", d_state);
  network.for_each_parameter([&](const Path& path, auto& p) {
    detail::add_matrix<Scalar>(out, "grad." + std::string(path.text()), p.grad(), p.kind());
  });

  const InferenceRecurrent<Cell, Scalar> inference(network);
  typename InferenceRecurrent<Cell, Scalar>::Workspace work;
  state = read_state("h0", "c0");
  write_sequence(out, "inference.y", inference.forward(x, state, work));
  write_state("inference.h", "inference.c", state);

  if (network.config().bidirectional || x.ragged()) return network.path();
  typename Network::Scratch scratch;
  state = read_state("h0", "c0");
  Sequence<Scalar> y(network.output(), x.batch(), x.time());
  for (Index t = 0; t < x.time(); ++t) copy(Cpu{}, network.step(std::as_const(x).at(t), state, scratch), y.at(t));
  write_sequence(out, "step.y", y);
  write_state("step.h", "step.c", state);
  return network.path();
}

template <class Cell>
const char* compute(const Safetensors& in, Safetensors& out, const std::string& scalar) {
  return scalar == "double" ? compute<Cell, double>(in, out) : compute<Cell, float>(in, out);
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string input, output, scalar;
    words >> input >> output >> scalar;
    try {
      const Safetensors in = Safetensors::read(input);
      Safetensors out;
      set_num_threads(std::stoi(in.metadata.at("threads")));
      const bool gru = in.metadata.at("cell") == "gru";
      const char* const path = gru ? compute<GruCell>(in, out, scalar) : compute<LstmCell>(in, out, scalar);
      out.write(output);
      std::cout << path << std::endl;
    } catch (const std::exception& e) {
      std::cerr << "recurrent_tool: " << e.what() << std::endl;
      return 1;
    }
  }
}
