// SPDX-License-Identifier: MIT
// Weights with PyTorch's names and shapes, which are checked strictly.
#include <rondo/io/checkpoint.hpp>
#include <rondo/io/weights.hpp>
#include <rondo/layers/named.hpp>
#include <rondo/layers/token_model.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "temporary.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

constexpr TokenModelConfig kSmall{.vocabulary = 5, .embedding = 3, .hidden = 2, .layers = 2};

template <class Scalar>
TokenModel<Scalar> random_model(std::uint64_t seed, const TokenModelConfig& config = kSmall) {
  Rng rng(seed);
  TokenModel<Scalar> model(config, rng);
  randomise(model, rng);
  return model;
}

template <class Scalar>
Safetensors file_of(TokenModel<Scalar>& model) {
  Safetensors file;
  add_weights(file, model);
  return file;
}

template <class Scalar>
std::vector<Scalar> all_weights(TokenModel<Scalar>& model) {
  std::vector<Scalar> all;
  model.for_each_parameter(
      [&](const Path&, auto& p) { all.insert(all.end(), p.value().data, p.value().data + p.size()); });
  return all;
}

template <class F>
std::string mismatch(F&& change) {
  auto model = random_model<float>(1), other = random_model<float>(2);
  auto file = file_of(other);
  change(file);
  return error_message_of<file_error>([&] { read_weights(file, model); });
}

}  // namespace

TEST_CASE("weights: the names and shapes of a PyTorch model with these layers") {
  auto model = random_model<float>(1);
  std::map<std::string, std::vector<Index>> shapes;
  for (const auto& [name, tensor] : file_of(model).tensors) {
    shapes[name] = tensor.shape;
    CHECK(tensor.dtype == "F32");
  }
  // torch.nn.Embedding(5, 3), torch.nn.LSTM(3, 2, 2), torch.nn.Linear(2, 5)
  CHECK(shapes == std::map<std::string, std::vector<Index>>{{"embedding.weight", {5, 3}},
                                                            {"lstm.weight_ih_l0", {8, 3}},
                                                            {"lstm.weight_hh_l0", {8, 2}},
                                                            {"lstm.bias_ih_l0", {8}},
                                                            {"lstm.bias_hh_l0", {8}},
                                                            {"lstm.weight_ih_l1", {8, 2}},
                                                            {"lstm.weight_hh_l1", {8, 2}},
                                                            {"lstm.bias_ih_l1", {8}},
                                                            {"lstm.bias_hh_l1", {8}},
                                                            {"output.weight", {5, 2}},
                                                            {"output.bias", {5}}});
}

TEST_CASE("weights: tensors are row-major, as in PyTorch") {
  const TemporaryFolder folder;
  write_bytes(folder / "f", safetensors_bytes(R"({"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                                              R"("bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]}})",
                                              bytes_of<float>({1, 2, 3, 4, 5, 6, 7, 8})));
  Rng rng(1);
  Linear<float> linear(3, 2, rng);
  read_weights(Safetensors::read(folder / "f"), linear);
  CHECK(linear.W().value()(0, 2) == 3);
  CHECK(linear.W().value()(1, 0) == 4);
  CHECK(linear.b().value()(1, 0) == 8);
  Safetensors again;
  add_weights(again, linear);
  CHECK(again.tensors["weight"].bytes == bytes_of<float>({1, 2, 3, 4, 5, 6}));

  // An embedding has a column per token here, and a row per token in PyTorch.
  write_bytes(folder / "e", safetensors_bytes(R"({"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})",
                                              bytes_of<float>({1, 2, 3, 4, 5, 6})));
  Embedding<float> embedding(2, 3, rng);
  read_weights(Safetensors::read(folder / "e"), embedding);
  CHECK(embedding.E().value()(2, 0) == 3);
  CHECK(embedding.E().value()(0, 1) == 4);
  Safetensors back;
  add_weights(back, embedding);
  CHECK(back.tensors["weight"].bytes == bytes_of<float>({1, 2, 3, 4, 5, 6}));
}

TEMPLATE_TEST_CASE("weights: bit-identical after writing and reading a file", "", float, double) {
  const TemporaryFolder folder;
  auto model = random_model<TestType>(1), other = random_model<TestType>(2);
  REQUIRE(all_weights(model) != all_weights(other));
  file_of(model).write(folder / "f");
  read_weights(Safetensors::read(folder / "f"), other);
  CHECK(all_weights(model) == all_weights(other));
}

TEST_CASE("weights: a float model's file fits a double model") {
  auto model = random_model<float>(1);
  auto wide = random_model<double>(2);
  read_weights(file_of(model), wide);
  const auto narrow = all_weights(model);
  CHECK(all_weights(wide) == std::vector<double>(narrow.begin(), narrow.end()));
}

TEST_CASE("weights: PyTorch's two biases are read as their sum, and written as sum and zero") {
  auto model = random_model<float>(1);
  auto file = file_of(model);
  file.add<float>("lstm.bias_ih_l1", {8}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8});
  file.add<float>("lstm.bias_hh_l1", {8}, std::vector<float>{.5f, -1, .5f, -1, .5f, -1, .5f, -1});
  read_weights(file, model);
  const std::vector<float> sum{1.5f, 1, 3.5f, 3, 5.5f, 5, 7.5f, 7};
  const auto again = file_of(model);
  CHECK(again.tensors.at("lstm.bias_ih_l1").bytes == bytes_of(sum));
  CHECK(again.tensors.at("lstm.bias_hh_l1").bytes == bytes_of(std::vector<float>(8, 0)));

  file.tensors.erase("lstm.bias_hh_l1");  // a file with only one bias
  read_weights(file, model);
  CHECK(file_of(model).tensors.at("lstm.bias_ih_l1").bytes == bytes_of<float>({1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST_CASE("weights: a missing tensor, an unexpected one, another shape, another type") {
  CHECK(mismatch([](Safetensors&) {}) == "");
  CHECK(mismatch([](Safetensors& f) { f.tensors.erase("lstm.weight_hh_l1"); }) ==
        "tensor lstm.weight_hh_l1 is missing");
  CHECK(mismatch([](Safetensors& f) {
          f.add<float>("lstm.weight_hh_l2", {8, 2}, std::vector<float>(16));
        }) == "tensor lstm.weight_hh_l2 does not belong to this model");
  CHECK(mismatch([](Safetensors& f) {
          f.add<float>("output.weight", {2, 5}, std::vector<float>(10));
        }) == "tensor output.weight is 2 x 5, this model wants 5 x 2");  // as many values, transposed
  CHECK(mismatch([](Safetensors& f) { f.add<float>("lstm.bias_hh_l0", {4}, std::vector<float>(4)); }) ==
        "tensor lstm.bias_hh_l0 is 4, this model wants 8");
  CHECK(mismatch([](Safetensors& f) {
          f.tensors["output.bias"] = {"I64", {5}, std::string(40, '\0')};
        }) == "tensor output.bias has type I64, wanted F32, F64, F16 or BF16");
}

TEST_CASE("weights: one message lists all errors, and the model is unchanged") {
  auto model = random_model<float>(1), other = random_model<float>(2);
  auto file = file_of(other);
  file.tensors.erase("embedding.weight");
  file.add<float>("lstm.bias_hh_l1", {4}, std::vector<float>(4));
  file.tensors["output.bias"] = {"I64", {5}, std::string(40, '\0')};
  file.add<float>("extra", {1}, std::vector<float>(1));
  file.add<float>("more", {1}, std::vector<float>(1));
  const auto before = all_weights(model);
  CHECK(error_message_of<file_error>([&] { read_weights(file, model); }) ==
        "tensor embedding.weight is missing; tensor lstm.bias_hh_l1 is 4, this model wants 8; "
        "tensor output.bias has type I64, wanted F32, F64, F16 or BF16; tensor extra does not belong to this model; "
        "tensor more does not belong to this model");
  CHECK(all_weights(model) == before);

  file = file_of(other);
  file.tensors.erase("output.bias");  // the last tensor: all before it fit
  CHECK_THROWS_AS(read_weights(file, model), file_error);
  CHECK(all_weights(model) == before);
}

namespace {

/// Layers with one or two biases, forward and reverse, with the names of PyTorch's recurrent layers.
struct Biases {
  bool both;
  Parameter<float> ih{2, 1, ParameterKind::bias}, hh{2, 1, ParameterKind::bias}, ih_reverse{2, 1, ParameterKind::bias},
      hh_reverse{2, 1, ParameterKind::bias};
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    f(path / "bias_ih_l0", ih);
    if (both) f(path / "bias_hh_l0", hh);
    f(path / "bias_ih_l0_reverse", ih_reverse);
    if (both) f(path / "bias_hh_l0_reverse", hh_reverse);
  }
};

}  // namespace

TEST_CASE("weights: a layer with both biases reads and writes both; a layer with their sum reads the sum") {
  Biases gru{.both = true}, lstm{.both = false};
  float next = 1;
  const auto count_up = [&](const Path&, auto& p) { p.value()(0, 0) = next++, p.value()(1, 0) = next++; };
  gru.for_each_parameter(count_up);  // 1 .. 8
  Safetensors file;
  add_weights(file, gru);
  CHECK(file.tensors.size() == 4);
  CHECK(file.tensors.at("bias_hh_l0").bytes == bytes_of<float>({3, 4}));
  CHECK(file.tensors.at("bias_hh_l0_reverse").bytes == bytes_of<float>({7, 8}));

  Biases again{.both = true};
  read_weights(file, again);
  CHECK(again.ih.value()(1, 0) == 2);
  CHECK(again.hh.value()(1, 0) == 4);
  CHECK(again.ih_reverse.value()(0, 0) == 5);
  CHECK(again.hh_reverse.value()(0, 0) == 7);

  read_weights(file, lstm);
  CHECK(lstm.ih.value()(0, 0) == 1 + 3);
  CHECK(lstm.ih_reverse.value()(1, 0) == 6 + 8);
  Safetensors sums;
  add_weights(sums, lstm);
  CHECK(sums.tensors.at("bias_ih_l0_reverse").bytes == bytes_of<float>({12, 14}));
  CHECK(sums.tensors.at("bias_hh_l0_reverse").bytes == bytes_of<float>({0, 0}));

  file.tensors.erase("bias_hh_l0");  // no default for a tensor of the layer
  CHECK(error_message_of<file_error>([&] { read_weights(file, again); }) == "tensor bias_hh_l0 is missing");
  CHECK(detail::second_bias("my.bias_ih_l.weight").empty());
}

TEST_CASE(
    "weights: the state dict of a PyTorch module with self.lstm and self.fc, read, and written from a const model") {
  // torch: self.lstm = nn.LSTM(3, 2); self.fc = nn.Linear(2, 1)
  Safetensors file;
  const auto add = [&](const char* name, std::vector<Index> shape, std::vector<float> values) {
    file.add<float>(name, std::move(shape), values);
  };
  std::vector<float> W(8 * 3), R(8 * 2);
  for (std::size_t n = 0; n < W.size(); ++n) W[n] = static_cast<float>(n);
  for (std::size_t n = 0; n < R.size(); ++n) R[n] = -static_cast<float>(n);
  add("lstm.weight_ih_l0", {8, 3}, W);
  add("lstm.weight_hh_l0", {8, 2}, R);
  add("lstm.bias_ih_l0", {8}, {1, 2, 3, 4, 5, 6, 7, 8});
  add("lstm.bias_hh_l0", {8}, {1, 1, 1, 1, 1, 1, 1, 1});
  add("fc.weight", {1, 2}, {10, 20});
  add("fc.bias", {1}, {30});

  Rng rng(1);
  Lstm<float> lstm({.input = 3, .hidden = 2}, rng);
  Linear<float> fc(2, 1, rng);
  auto model = named("lstm", lstm, "fc", fc);
  read_weights(file, model);
  CHECK(lstm.layer(0).W().value()(7, 1) == 7 * 3 + 1);
  CHECK(lstm.layer(0).R().value()(3, 1) == -(3 * 2 + 1));
  CHECK(lstm.layer(0).b().value()(4, 0) == 6);
  CHECK(fc.weight()(0, 1) == 20);
  CHECK(fc.bias()(0, 0) == 30);

  const TemporaryFolder folder;
  const auto& read_only = model;
  save_model(folder / "f", read_only, {{"kind", "test"}});
  Safetensors saved = Safetensors::read(folder / "f");
  CHECK(saved.metadata.at("kind") == "test");
  CHECK(saved.tensors.size() == file.tensors.size());
  for (const char* name : {"lstm.weight_ih_l0", "lstm.weight_hh_l0", "fc.weight", "fc.bias"})
    CHECK(saved.tensors.at(name).bytes == file.tensors.at(name).bytes);

  auto wrong = named("rnn", lstm, "fc", fc);
  CHECK(
      error_message_of<file_error>([&] { load_model(folder / "f", wrong); }) ==
      (folder / "f").string() +
          ": tensor rnn.weight_ih_l0 is missing; tensor rnn.weight_hh_l0 is missing; tensor rnn.bias_ih_l0 is "
          "missing; tensor lstm.bias_hh_l0 does not belong to this model; tensor lstm.bias_ih_l0 does not belong to "
          "this "
          "model; tensor lstm.weight_hh_l0 does not belong to this model; tensor lstm.weight_ih_l0 does not belong to "
          "this model");
}

TEST_CASE("weights: a file with fewer or more layers is an error") {
  auto shallow = random_model<float>(1, {.vocabulary = 5, .embedding = 3, .hidden = 2, .layers = 1});
  auto deep = random_model<float>(2);
  CHECK(error_message_of<file_error>([&] { read_weights(file_of(shallow), deep); }).find("_l1 is missing") !=
        std::string::npos);
  CHECK(error_message_of<file_error>([&] { read_weights(file_of(deep), shallow); }).find("_l1 does not belong") !=
        std::string::npos);
}

TEST_CASE("weights: tensors with the ignored prefix are allowed") {
  auto model = random_model<float>(1), other = random_model<float>(2);
  auto file = file_of(other);
  file.add<float>("training.state.h", {1}, std::vector<float>{1});
  CHECK_THROWS_AS(read_weights(file, model), file_error);
  read_weights(file, model, "training.");
  CHECK(all_weights(model) == all_weights(other));
}
