// SPDX-License-Identifier: MIT
// Checkpoints do not depend on the device: equal values are equal bytes, and either device reads the other's files.
#include <cmath>
#include <limits>

#include <rondo/cuda.hpp>
#include <rondo/io/checkpoint.hpp>
#include <rondo/layers/token_model.hpp>

#include "cuda/device_matrix.hpp"
#include "io/temporary.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

template <class Scalar, class Device>
struct Training {
  static constexpr Index kBatch = 3, kTime = 4, kVocabulary = 6;
  Rng rng{1};
  TokenModel<Scalar, Device> model{{.vocabulary = kVocabulary, .embedding = 3, .hidden = 5, .layers = 2}, rng};
  Adam adam{{.learning_rate = 0.05}};
  LstmState<Scalar, Device> state = model.zero_state(kBatch);
  typename TokenModel<Scalar, Device>::Cache cache;

  double step(std::uint64_t n) {
    Rng data(7, n);
    std::vector<std::int32_t> tokens(2 * kBatch * kTime);
    for (auto& token : tokens) token = static_cast<std::int32_t>(data.below(kVocabulary));
    zero_grad(model);
    const auto all = std::span<const std::int32_t>(tokens);
    const auto loss = model.forward_backward(all.first(tokens.size() / 2), all.last(tokens.size() / 2), kBatch, kTime,
                                             state, cache, Inference{});
    adam.step(model);
    return loss.mean();
  }

  void save(const std::filesystem::path& path) {
    Safetensors file;
    add_weights(file, model);
    add_optimizer(file, model, adam);
    add_sequence(file, "state.h", state.h);
    add_sequence(file, "state.c", state.c);
    file.write(path);
  }

  void load(const std::filesystem::path& path) {
    const auto file = Safetensors::read(path);
    read_weights(file, model, "training.");
    read_optimizer(file, model, adam);
    read_sequence(file, "state.h", state.h);
    read_sequence(file, "state.c", state.c);
  }
};

/// `From` trains and writes; `To`, with other weights, reads, writes the same bytes, and continues alike.
template <class Scalar, class From, class To>
void check_transfer() {
  const TemporaryFolder folder;
  Training<Scalar, From> from;
  Training<Scalar, To> to;
  for (std::uint64_t n = 0; n < 4; ++n) from.step(n);
  to.step(99);
  from.save(folder / "from");
  to.save(folder / "before");
  CHECK(read_bytes(folder / "from") != read_bytes(folder / "before"));
  to.load(folder / "from");
  to.save(folder / "to");
  CHECK(read_bytes(folder / "from").size() > 2000);
  CHECK(read_bytes(folder / "from") == read_bytes(folder / "to"));
  CHECK(to.adam.steps() == 4);
  // The next loss is a mean of logarithms of softmax over V, of sums of H products, T steps deep; the loss after that
  // depends on the other device's gradients.
  constexpr double bound = 100 * std::numeric_limits<Scalar>::epsilon();
  for (std::uint64_t n = 4; n < 7; ++n) {
    const double wanted = from.step(n);
    CHECK(std::abs(to.step(n) - wanted) <= bound * wanted);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("CUDA: a checkpoint of either device is read by the other", "", float, double) {
  if (!gpu_available()) return;
  check_transfer<TestType, Cpu, Cuda>();
  check_transfer<TestType, Cuda, Cpu>();
}

TEST_CASE("CUDA: a model on a GPU reads the sum of PyTorch's two biases") {
  if (!gpu_available()) return;
  Rng rng(1);
  Lstm<float, Cuda> lstm({.input = 2, .hidden = 1}, rng);
  Safetensors file;
  add_weights(file, lstm);
  file.add<float>("bias_ih_l0", {4}, std::vector<float>{1, 2, 3, 4});
  file.add<float>("bias_hh_l0", {4}, std::vector<float>{.5f, -1, .25f, 8});
  read_weights(file, lstm);
  Safetensors again;
  add_weights(again, lstm);
  CHECK(again.tensors.at("bias_ih_l0").bytes == bytes_of<float>({1.5f, 1, 3.25f, 12}));
  CHECK(again.tensors.at("bias_hh_l0").bytes == bytes_of<float>({0, 0, 0, 0}));
}

TEST_CASE("CUDA: a file that does not fit leaves a matrix on a GPU unchanged") {
  if (!gpu_available()) return;
  Rng rng(1);
  Linear<float, Cuda> linear(3, 2, rng), other(3, 4, rng);
  Safetensors before, after, wider;
  add_weights(before, linear);
  add_weights(wider, other);
  CHECK(error_message_of<file_error>([&] { read_weights(wider, linear); }) ==
        "tensor weight is 4 x 3, this model wants 2 x 3; tensor bias is 4, this model wants 2");
  add_weights(after, linear);
  CHECK(before.tensors.at("weight").bytes == after.tensors.at("weight").bytes);
}
