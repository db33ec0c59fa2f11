// SPDX-License-Identifier: MIT
// Models of other programs: their outputs against those that come with the files, and against a computation in double
// with plain loops, which shares nothing with the library but the tensors' names.
#include <rondo/io/inference_model.hpp>
#include <rondo/io/read_model.hpp>
#include <rondo/io/self_test.hpp>
#include <rondo/io/streaming_model.hpp>
#include <rondo/layers/named.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/bounded.hpp"
#include "support/catch.hpp"
#include "support/fill.hpp"
#include "temporary.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

using Vector = std::vector<double>;

std::filesystem::path audio() { return std::filesystem::path(RONDO_TEST_DATA) / "audio-lstm"; }

Vector numbers_in(const std::filesystem::path& path) {
  std::ifstream in(path);
  Vector all;
  for (double value; in >> value;) all.push_back(value);
  return all;
}

/// A tensor of PyTorch by [row][column], or [row][0] for a vector.
class Tensors {
 public:
  explicit Tensors(const Safetensors& file) : file_(file) {}
  bool has(const std::string& name) const { return file_.tensors.contains(name); }
  double at(const std::string& name, std::size_t row, std::size_t column = 0) const {
    const auto& tensor = file_.tensors.at(name);
    const std::size_t columns = tensor.shape.size() == 2 ? static_cast<std::size_t>(tensor.shape[1]) : 1;
    return Safetensors::values<double>(name, tensor).at(row * columns + column);
  }
  /// Row `row` of a matrix times x.
  double product(const Vector& values, std::size_t row, const Vector& x) const {
    double sum = 0;
    for (std::size_t k = 0; k < x.size(); ++k) sum += values[row * x.size() + k] * x[k];
    return sum;
  }
  Vector all(const std::string& name) const {
    return has(name) ? Safetensors::values<double>(name, file_.tensors.at(name)) : Vector{};
  }

 private:
  const Safetensors& file_;
};

/// Layers of an LSTM or a GRU, one direction, over all steps.
std::vector<Vector> run_recurrent(const Tensors& w, const std::string& prefix, bool gru, std::vector<Vector> x) {
  for (int layer = 0; w.has(prefix + "weight_ih_l" + std::to_string(layer)); ++layer) {
    const std::string l = "_l" + std::to_string(layer);
    const Vector W = w.all(prefix + "weight_ih" + l), R = w.all(prefix + "weight_hh" + l),
                 b = w.all(prefix + "bias_ih" + l), b_R = w.all(prefix + "bias_hh" + l);
    const std::size_t H = W.size() / x[0].size() / (gru ? 3 : 4);
    Vector h = w.all(prefix + "h0" + l), c = w.all(prefix + "c0" + l);
    h.resize(H), c.resize(H);
    for (Vector& at : x) {
      const auto from_x = [&](std::size_t gate, std::size_t u) {
        return w.product(W, gate * H + u, at) + (b.empty() ? 0 : b[gate * H + u]);
      };
      const auto from_h = [&](std::size_t gate, std::size_t u) {
        return w.product(R, gate * H + u, h) + (b_R.empty() ? 0 : b_R[gate * H + u]);
      };
      Vector next(H);
      for (std::size_t u = 0; u < H; ++u)
        if (gru) {
          const double r = logistic(from_x(0, u) + from_h(0, u)), z = logistic(from_x(1, u) + from_h(1, u)),
                       n = std::tanh(from_x(2, u) + r * from_h(2, u));
          next[u] = (1 - z) * n + z * h[u];
        } else {
          const double i = logistic(from_x(0, u) + from_h(0, u)), f = logistic(from_x(1, u) + from_h(1, u)),
                       g = std::tanh(from_x(2, u) + from_h(2, u)), o = logistic(from_x(3, u) + from_h(3, u));
          c[u] = f * c[u] + i * g;
          next[u] = o * std::tanh(c[u]);
        }
      at = h = next;
    }
  }
  return x;
}

std::vector<Vector> run_linear(const Tensors& w, const std::string& prefix, std::vector<Vector> x) {
  const Vector W = w.all(prefix + "weight"), b = w.all(prefix + "bias");
  for (Vector& at : x) {
    Vector y(W.size() / at.size());
    for (std::size_t k = 0; k < y.size(); ++k) y[k] = w.product(W, k, at) + (b.empty() ? 0 : b[k]);
    at = y;
  }
  return x;
}

/// The outputs of a model of the audio files, by plain loops; `kind` says what the file is.
Vector naive_outputs(const std::string& file, const ModelDescription& model, const Vector& samples) {
  const Tensors w(model.weights);
  std::vector<Vector> x;
  for (double sample : samples) x.push_back({sample});
  const bool gru = file.find("gru") != std::string::npos;
  const auto each = [&](double (*f)(double)) {
    for (Vector& at : x)
      for (double& value : at) value = f(value);
  };
  if (file.starts_with("guitarml")) {
    x = run_linear(w, "lin.", run_recurrent(w, "rec.", gru, x));
    for (std::size_t t = 0; t < x.size(); ++t) x[t][0] += samples[t];
  } else if (file.starts_with("nam")) {
    x = run_linear(w, "head.", run_recurrent(w, "lstm.", false, x));
  } else if (file.ends_with("_torch.json")) {
    const std::string name = gru ? "gru" : "lstm";
    x = run_linear(w, "dense.", run_recurrent(w, name + "2.", gru, run_recurrent(w, name + ".", gru, x)));
  } else if (file == "rtneural/gru.json" || file == "rtneural/lstm.json") {
    x = run_linear(w, "time-distributed-dense0.", x);
    each([](double v) { return std::tanh(v); });
    x = run_recurrent(w, gru ? "gru1." : "lstm1.", gru, x);
    x = run_linear(w, "dense2.", x);
    if (gru) each(logistic), x = run_linear(w, "dense3.", x);
  } else {
    x = run_linear(w, "dense1.", run_recurrent(w, gru ? "gru0." : "lstm0.", gru, x));
    if (gru) each(logistic), x = run_linear(w, "dense2.", x);
  }
  Vector y;
  for (const Vector& at : x) y.push_back(at[0]);
  return y;
}

template <class Scalar>
Vector streamed(const ModelDescription& model, const Vector& x) {
  StreamingModel<Scalar> stream(model);
  Vector y;
  for (double value : x) {
    const Scalar sample = static_cast<Scalar>(value);
    y.push_back(static_cast<double>(stream.step(std::span(&sample, 1))[0]));
  }
  return y;
}

template <class Scalar>
Vector in_a_batch(const ModelDescription& model, const Vector& x) {
  const InferenceModel<Scalar> network(model);
  constexpr Index B = 3;
  auto state = network.initial_state(B);
  typename InferenceModel<Scalar>::Workspace work;
  Sequence<Scalar> input(1, B, static_cast<Index>(x.size()));
  for (std::size_t t = 0; t < x.size(); ++t)
    for (Index b = 0; b < B; ++b) input.at(static_cast<Index>(t))(0, b) = static_cast<Scalar>(x[t]);
  const auto& output = network.forward(input, state, work);
  Vector y;
  for (Index t = 0; t < output.time(); ++t) y.push_back(static_cast<double>(output.at(t)(0, B - 1)));
  return y;
}

/// Outputs of a stream in blocks of random sizes; checks that they have the bits of single steps.
template <class Scalar>
Vector in_blocks(const ModelDescription& model, const Vector& x, const StreamingOptions& options = {}) {
  StreamingModel<Scalar> blocks(model, options), steps(model, options);
  std::vector<Scalar> input(x.begin(), x.end()), output(x.size());
  Rng rng(1);
  for (std::size_t t = 0; t < x.size();) {
    const std::size_t count = std::min<std::size_t>(rng.below(700), x.size() - t);
    blocks.process(std::span<const Scalar>(input).subspan(t, count), std::span(output).subspan(t, count));
    t += count;
  }
  bool same = true;
  for (std::size_t t = 0; t < x.size(); ++t)
    same &= steps.step(std::span<const Scalar>(input).subspan(t, 1))[0] == output[t];
  CHECK(same);
  return {output.begin(), output.end()};
}

double worst_difference(const Vector& a, const Vector& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t n = 0; n < a.size(); ++n) worst = std::max(worst, std::abs(a[n] - b[n]));
  return worst;
}

/// Samples of a decaying tone with noise.
Vector guitar(std::size_t count) {
  Rng rng(3);
  Vector x;
  for (std::size_t n = 0; n < count; ++n) {
    const double t = static_cast<double>(n);
    x.push_back(0.5 * std::exp(-t / 3000) * std::sin(t * 0.05) + 0.02 * rng.normal());
  }
  return x;
}

std::string reading_error(const std::string& bytes) {
  return error_message_of<file_error>([&] { parse_model(bytes); });
}

}  // namespace

TEST_CASE("model files: every audio model agrees with plain loops in double") {
  const char* const files[] = {"guitarml/gru4_ts9_pytorch.json",
                               "guitarml/gru8_ts9_pytorch.json",
                               "guitarml/lstm4_ts9_pytorch.json",
                               "guitarml/lstm8_ts9_pytorch.json",
                               "guitarml/ts9_gru7_gain10_loss003_TEST.json",
                               "nam/boss-1x16.nam",
                               "nam/boss-2x8.nam",
                               "nam/lstm-1x3.nam",
                               "aidax/tw40_blues_deluxe.json",
                               "rtneural/gru.json",
                               "rtneural/gru_1d.json",
                               "rtneural/gru_torch.json",
                               "rtneural/lstm.json",
                               "rtneural/lstm_1d.json",
                               "rtneural/lstm_torch.json"};
  if (!std::filesystem::exists(audio())) return;
  const Vector x = guitar(1000);
  for (const std::string file : files) {
    INFO(file);
    const ModelDescription model = read_model(audio() / file);
    CHECK(model.warnings.empty());
    const Vector y = naive_outputs(file, model, x);
    // boss-1x16 amplifies rounding: PyTorch in float differs by 3.4e-6 from PyTorch in double on such an input.
    const double tolerance = file == "nam/boss-1x16.nam" ? 5e-6 : 2e-6;
    CHECK(worst_difference(streamed<float>(model, x), y) < tolerance);
    CHECK(worst_difference(streamed<double>(model, x), y) < 1e-7);
    CHECK(worst_difference(in_blocks<float>(model, x), y) < tolerance);
    CHECK(worst_difference(in_blocks<double>(model, x), y) < 1e-7);
    CHECK(worst_difference(in_blocks<float>(model, x, {.math = Math::fast}), y) < 5e-3);
    for (WeightPrecision precision : {WeightPrecision::bf16, WeightPrecision::int8})
      CHECK(worst_difference(in_blocks<float>(model, x, {.precision = precision}), y) < 0.1);
    CHECK(worst_difference(in_a_batch<float>(model, x), y) < tolerance);
    CHECK(worst_difference(in_a_batch<double>(model, x), y) < 1e-7);
  }
}

TEST_CASE("model files: outputs of Keras, PyTorch and AIDA-X that come with the files") {
  if (!std::filesystem::exists(audio())) return;
  for (const std::string name : {"gru", "gru_1d", "gru_torch", "lstm", "lstm_1d", "lstm_torch"}) {
    INFO(name);
    const auto base = (audio() / "rtneural" / name).string();
    const Vector x = numbers_in(base + "_x.csv"), y = numbers_in(base + "_y.csv");
    REQUIRE(x.size() >= 100);
    const ModelDescription model = read_model(std::filesystem::path(base + ".json"));
    CHECK(worst_difference(streamed<float>(model, x), y) < 2e-6);
    CHECK(worst_difference(in_a_batch<float>(model, x), y) < 2e-6);
  }
  const ModelDescription model = read_model(audio() / "aidax/tw40_blues_deluxe.json");
  REQUIRE(model.self_test);
  CHECK(model.self_test->input.size() == 2048);
  CHECK(worst_difference(streamed<float>(model, model.self_test->input), model.self_test->output) < 2e-6);
  CHECK(self_test_difference(model).value() < 2e-6);
}

TEST_CASE("model files: what is not supported is refused in one line") {
  if (std::filesystem::exists(audio()))
    CHECK(contains(error_message_of<file_error>([] { read_model(audio() / "rtneural/bad_lstm.json"); }),
                   "bad_lstm.json: layer lstm0: \"shape\" says 16 outputs, its weights have 20"));
  CHECK(reading_error(R"({"version":"0.5","architecture":"WaveNet","config":{"layers":[]},"weights":[1,2]})") ==
        "the architecture is \"WaveNet\", which is not supported; supported is LSTM");
  CHECK(contains(reading_error(R"({"in_shape":[null,null,1],"layers":[{"type":"conv1d","weights":[]}]})"),
                 "layers of type \"conv1d\" are not supported"));
  CHECK(contains(reading_error(R"({"rnn.weight_ih_l0":[[1]],"rnn.weight_hh_l0":[[1]]})"), "torch.nn.RNN"));
  CHECK(contains(reading_error(R"({"conv.kernel":[[1]]})"),
                 "no LSTM, GRU or linear layer among the tensors: conv.kernel"));
  CHECK(contains(reading_error("{}"), "there is none"));
  CHECK(contains(reading_error(""), "safetensors"));
  CHECK(contains(reading_error(R"({"a\nb.weight":["x"]})"),
                 "tensor a?b.weight is not an array of numbers"));  // in one line
}

TEST_CASE("model files: every tensor that is missing or left over is listed") {
  const std::string message = reading_error(
      R"({"a.weight_ih_l0":[[1],[2],[3],[4]],"a.weight_hh_l0":[[1],[2],[3],[4]],"a.bias_ih_l0":[1,2,3],"a.extra":[1],)"
      R"("b.weight_ih_l0":[[1],[2],[3]],"b.weight_hh_l0":[[1],[2],[3]],"b.bias_ih_l0":[1,2,3]})");
  CHECK(contains(message, "tensor a.bias_ih_l0 is 3, this model wants 4"));
  CHECK(contains(message, "tensor b.bias_hh_l0 is missing"));
  CHECK(contains(message, "tensor a.extra does not belong to a module"));
}

TEST_CASE("model files: a state dict says which modules it has, and their order where sizes tell it") {
  Rng rng(1);
  const auto file_with = [&](auto&& model) {
    Safetensors file;
    add_weights(file, model);
    return file;
  };
  Lstm<float> bare({.input = 3, .hidden = 5, .layers = 2, .bidirectional = true, .projection = 2}, rng);
  ModelDescription description = detail::read_pytorch(file_with(bare));
  description.check();
  REQUIRE(description.modules.size() == 1);
  const auto& module = std::get<RecurrentModule>(description.modules[0].part);
  CHECK(module.cell == CellType::lstm);
  CHECK(module.config.layers == 2);
  CHECK(module.config.bidirectional);
  CHECK(module.config.projection == 2);
  CHECK(description.input() == 3);
  CHECK(description.output() == 4);
  CHECK_FALSE(description.streams());

  Embedding<float> words(9, 4, rng);
  Gru<float> z_first({.input = 4, .hidden = 6, .bidirectional = true, .bias = false}, rng);
  Linear<float> a_last({.input = 12, .output = 2, .bias = true}, rng);
  const auto tagger = named("words", words, "z", z_first, "a", a_last);
  ModelDescription model = detail::read_pytorch(file_with(tagger));
  model.check();
  REQUIRE(model.modules.size() == 3);
  CHECK(model.modules[0].name == "words");
  CHECK(model.modules[1].name == "z");
  CHECK(model.modules[2].name == "a");
  CHECK(model.takes_tokens());
  CHECK(std::get<RecurrentModule>(model.modules[1].part).cell == CellType::gru);

  // The batch gives the numbers of the layers themselves.
  const std::vector<std::int32_t> tokens{1, 2, 3, 8, 0, 5};
  const InferenceModel<float> inference(model);
  auto state = inference.initial_state(2);
  InferenceModel<float>::Workspace work;
  const auto& y = inference.forward(tokens, 2, 3, state, work);
  Sequence<float> x, wanted;
  words.forward(tokens, 2, 3, x);
  Gru<float>::Cache cache;
  auto zero = z_first.zero_state(2);
  a_last.forward(z_first.forward(x, zero, cache, Inference{}), wanted);
  REQUIRE(y.features() == 2);
  for (Index n = 0; n < y.size(); ++n) CHECK(y.data()[n] == wanted.data()[n]);

  // From one feature to one, both orders fit: the linear layer is the last.
  Lstm<float> z_lstm({.input = 1, .hidden = 3}, rng);
  Linear<float> a_head(3, 1, rng);
  model = detail::read_pytorch(file_with(named("z", z_lstm, "a", a_head)));
  REQUIRE(model.modules.size() == 2);
  CHECK(model.modules[0].name == "z");

  // Two square layers could be in either order: the metadata must say it, and may add activations.
  Linear<float> p(4, 4, rng), q(4, 4, rng);
  Safetensors two = file_with(named("p", p, "q", q));
  CHECK(contains(error_message_of<file_error>([&] { detail::read_pytorch(two); }),
                 "the order of the modules p, q is not known: the sizes fit in several orders"));
  two.metadata["rondo.modules"] = "q, relu, p";
  model = detail::read_pytorch(two);
  REQUIRE(model.modules.size() == 3);
  CHECK(model.modules[0].name == "q");
  CHECK(std::get<ActivationModule>(model.modules[1].part).activation == Activation::relu);
  two.metadata["rondo.modules"] = "q, sofmax, p";
  CHECK(contains(error_message_of<file_error>([&] { detail::read_pytorch(two); }), "\"sofmax\" is neither a module"));
  two.metadata["rondo.modules"] = "q";
  CHECK(contains(error_message_of<file_error>([&] { detail::read_pytorch(two); }), "does not name the module p"));
}

TEST_CASE("model files: several ids per step are summed") {
  Rng rng(1);
  Embedding<float> words(5, 3, rng);
  Linear<float> fc(3, 2, rng);
  Safetensors file;
  add_weights(file, named("words", words, "fc", fc));
  file.metadata["rondo.ids_per_step"] = "3";
  ModelDescription model = detail::read_pytorch(file);
  model.check();
  CHECK(model.input() == 3);

  // Plain loops over the tensors of the file, in double.
  const std::vector<std::int32_t> ids{0, 4, 4, kNoToken, 1, kNoToken, 2, 3, 0, kNoToken, kNoToken, kNoToken};
  const auto E = Safetensors::values<double>("E", file.tensors.at("words.weight"));
  const auto W = Safetensors::values<double>("W", file.tensors.at("fc.weight"));
  const auto b = Safetensors::values<double>("b", file.tensors.at("fc.bias"));
  std::vector<double> wanted;
  for (std::size_t step = 0; step < 4; ++step)
    for (std::size_t k = 0; k < 2; ++k) {
      double y = b[k];
      for (std::size_t n = 3 * step; n < 3 * step + 3; ++n)
        for (std::size_t d = 0; d < 3 && ids[n] >= 0; ++d)
          y += W[3 * k + d] * E[3 * static_cast<std::size_t>(ids[n]) + d];
      wanted.push_back(y);
    }
  const auto check = [&](const ModelDescription& description) {
    const InferenceModel<double> inference(description);
    auto state = inference.initial_state(2);
    InferenceModel<double>::Workspace work;
    const auto& y = inference.forward(ids, 2, 2, state, work);
    REQUIRE(y.size() == 8);
    for (Index n = 0; n < 8; ++n) CHECK(std::abs(y.data()[n] - wanted[static_cast<std::size_t>(n)]) < 1e-12);
    CHECK_THROWS_AS(inference.forward(std::span(ids).first(4), 2, 2, state, work), shape_error);
  };
  check(model);

  // Through a file, with a self-test of two steps.
  model.self_test = SelfTest{{0, 4, 4, -1, 1, -1}, {wanted.begin(), wanted.begin() + 4}, 0, 2};
  const TemporaryFolder folder;
  write_pytorch(folder / "m", model);
  const ModelDescription again = read_model(folder / "m");
  check(again);
  CHECK(*self_test_difference(again) < 1e-5);

  for (const char* number : {"0", "-1", "1025", "99999999999999999999", "2.5", "", "x"}) {
    file.metadata["rondo.ids_per_step"] = number;
    INFO(number);
    CHECK_THROWS_AS([&] { detail::read_pytorch(file).check(); }(), file_error);
  }
  Safetensors without;
  add_weights(without, fc);
  without.metadata["rondo.ids_per_step"] = "2";
  CHECK(contains(error_message_of<file_error>([&] { detail::read_pytorch(without); }), "no embedding"));
}

TEST_CASE("model files: fills a model of the user's for further training") {
  const std::string json =
      R"({"model_data":{"unit_type":"LSTM","input_size":1,"hidden_size":1,"output_size":1,"skip":0,"bias_fl":true},)"
      R"("state_dict":{"rec.weight_ih_l0":[[1],[2],[3],[4]],"rec.weight_hh_l0":[[5],[6],[7],[8]],)"
      R"("rec.bias_ih_l0":[1,1,1,1],"rec.bias_hh_l0":[0.5,0,0,0],"lin.weight":[[3]],"lin.bias":[4]}})";
  const ModelDescription model = parse_model(json);
  Rng rng(1);
  Lstm<float> lstm({.input = 1, .hidden = 1}, rng);
  Linear<float> head(1, 1, rng);
  auto mine = named("rec", lstm, "lin", head);
  read_weights(model.weights, mine);
  CHECK(lstm.layer(0).weights().W(2, 0) == 3);
  CHECK(lstm.layer(0).weights().b(0, 0) == 1.5f);
  CHECK(head.weight()(0, 0) == 3);
}

TEST_CASE("model files: gains and skip connections") {
  // One dense layer, y = 2 x + 1, with 6.02 dB before, a skip connection from there, and -6.02 dB after.
  const double two = std::pow(10, 6.0 / 20);
  const std::string json =
      R"({"in_shape":[null,null,1],"in_gain":6,"in_skip":1,"out_gain":-6,"layers":[{"type":"dense","activation":"",)"
      R"("shape":[null,null,1],"weights":[[[2]],[1]]}],"input_batch":[0.5],"output_batch":[2]})";
  const ModelDescription model = parse_model(json);
  StreamingModel<double> stream(model);
  const double x = 0.25;
  CHECK(stream.step(std::span(&x, 1))[0] == Approx((2 * two * x + 1 + two * x) / two));
  CHECK(in_a_batch<double>(model, {0.25})[0] == Approx((2 * two * x + 1 + two * x) / two));
  CHECK(self_test_difference(model).value() == Approx(0));  // of the layers alone: 2 * 0.5 + 1
  CHECK(in_blocks<double>(model, {0.25, -1, 3})[2] == Approx((2 * two * 3 + 1 + two * 3) / two));
}

TEST_CASE("model files: voices of a stream, blocks with several inputs and outputs, wrong sizes") {
  Rng rng(7);
  const ModelDescription model = parse_model(
      R"({"in_shape":[null,null,3],"layers":[{"type":"gru","activation":"tanh","shape":[null,null,1],"weights":)"
      R"([[[0.1,0.2,0.3],[0.3,-0.2,0.1],[0.5,0.4,-0.1]],[[1,2,3]],[[1,2,3],[4,5,6]]]},)"
      R"({"type":"dense","activation":"tanh","shape":[null,null,2],"weights":[[[2,1]],[1,0]]}]})");
  StreamingModel<float> voices(model, {.voices = 4}), one(model);
  std::vector<float> x(50 * 4 * 3), y(50 * 4 * 2);
  for (float& value : x) value = static_cast<float>(rng.normal());
  voices.process(x, y);
  for (std::size_t t = 0; t < 50; ++t)
    CHECK(one.step(std::span<const float>(x).subspan((t * 4 + 3) * 3, 3))[1] == Approx(y[(t * 4 + 3) * 2 + 1]));
  CHECK_THROWS_WITH(one.process(std::span<const float>(x).first(4), std::span(y).first(2)),
                    "StreamingModel::process: x has 4 values, y has 2, wanted n * 3 and n * 2 for n steps");
  CHECK_THROWS_WITH(StreamingModel<float>(model, {.voices = 0}), "StreamingModel: 0 voices, wanted at least 1");
}

TEST_CASE("model files: float16, bfloat16 and double tensors") {
  // 1.5, -0.25 and 2^-24 as half; 1.5, -0.25 and 3 as bfloat16.
  const std::string data = std::string("\x00\x3e\x00\xb4\x01\x00", 6) + std::string("\xc0\x3f\x80\xbe\x40\x40", 6);
  const auto file = Safetensors::parse(safetensors_bytes(R"({"h":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},)"
                                                         R"("b":{"dtype":"BF16","shape":[3],"data_offsets":[6,12]}})",
                                                         data));
  CHECK(Safetensors::values<double>("h", file.tensors.at("h")) == Vector{1.5, -0.25, std::ldexp(1.0, -24)});
  CHECK(Safetensors::values<double>("b", file.tensors.at("b")) == Vector{1.5, -0.25, 3});
}

TEST_CASE("model files: weights that are not finite are a warning that names the tensor") {
  Rng rng(1);
  Linear<float> linear(2, 1, rng);
  linear.W().value()(0, 1) = std::numeric_limits<float>::quiet_NaN();
  Safetensors file;
  add_weights(file, linear);
  ModelDescription model = detail::read_pytorch(std::move(file));
  model.check();
  REQUIRE(model.warnings.size() == 1);
  CHECK(model.warnings[0] == "tensor weight has values that are not finite");
}

TEST_CASE("model files: hostile JSON is refused without much memory or time") {
  const std::string deep(100000, '[');
  CHECK(contains(reading_error("{\"a\":" + deep), "nested deeper than 32"));
  CHECK(contains(reading_error(R"({"a":1,"a":2})"), "the key \"a\" appears twice"));
  CHECK(contains(reading_error(R"({"a.weight":[[1,2],[3]]})"), "tensor a.weight is not an array of numbers"));
  CHECK(contains(reading_error(R"({"a.weight":[[1e999]]})"), "no valid JSON"));
  std::string many = "{\"a\":[null";
  for (int n = 0; n < 70000; ++n) many += ",[]";
  CHECK(contains(reading_error(many + "]}"), "more than 65536 values"));
  CHECK(contains(
      reading_error(R"({"architecture":"LSTM","config":{"input_size":1,"hidden_size":1000000000,"num_layers":9},)"
                    R"("weights":[1]})"),
      "nam: 1 weights"));
  CHECK(
      contains(reading_error(
                   R"({"architecture":"LSTM","config":{"input_size":-1,"hidden_size":3,"num_layers":1},"weights":[]})"),
               "\"input_size\" is -1, wanted a positive integer"));
}
