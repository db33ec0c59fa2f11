// SPDX-License-Identifier: MIT
// The published benchmark of polyphonic music: trains an LSTM on the JSB Chorales, chooses the best epoch on the
// validation set and prints the negative log-likelihood of the test set in nats per predicted frame.
#include "../device.hpp"
#include "../options.hpp"
#include "frame_model.hpp"
#include "sample.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <rondo/io/checkpoint.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <system_error>

namespace {

using namespace chorales;

struct Options {
  examples::DeviceOptions device;
  std::string data, run_dir;
  int hidden = 300, layers = 2, batch_size = 8, epochs = 70, transpose = 5, num_outputs = 3;
  double dropout = 0.2, output_dropout = 0.2, learning_rate = 3e-2, warmup = 0.05, beta2 = 0.95;
  double clip = 0.3, weight_decay = 0.1, input_std = 0.35;
  int threads = rondo::max_threads();
  std::uint64_t seed = 1;
  bool chords = true, key_features = true, json = false;
};

/// Nats per frame over all pieces.
template <class Device>
double evaluate(FrameModel<Device>& model, const std::vector<Piece>& pieces, Batch& batch,
                typename FrameModel<Device>::Cache& cache) {
  constexpr std::size_t kBatch = 16;
  double sum = 0;
  rondo::Index frames = 0;
  for (std::size_t first = 0; first < pieces.size(); first += kBatch) {
    std::vector<const Piece*> chosen;
    for (std::size_t i = first; i < std::min(first + kBatch, pieces.size()); ++i) chosen.push_back(&pieces[i]);
    fill(batch, chosen, {});
    const auto loss = model.run(batch, cache, rondo::Inference{});
    sum += loss.sum, frames += loss.count;
  }
  return sum / static_cast<double>(frames);
}

/// The weights with the lowest validation loss, on the host.
class BestWeights {
 public:
  template <class Device>
  void store(FrameModel<Device>& model) {
    values_.clear();
    model.for_each_parameter([&](const rondo::Path&, auto& p) {
      with_host_copy(Device{}, p.value(), [&](auto w) { values_.emplace_back(w.data, w.data + p.size()); });
    });
  }
  template <class Device>
  void restore(FrameModel<Device>& model) const {
    auto next = values_.begin();
    model.for_each_parameter([&](const rondo::Path&, auto& p) {
      set_from_host(Device{}, p.value(), [&](auto w) { std::copy(next->begin(), next->end(), w.data); });
      ++next;
    });
  }

 private:
  std::vector<std::vector<float>> values_;
};

/// Throws std::runtime_error if there is no such folder afterwards.
void create_folder(const std::filesystem::path& folder) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (!std::filesystem::is_directory(folder))
    throw std::runtime_error("cannot create the folder " + folder.string() + (code ? ": " + code.message() : ""));
}

/// Writes model.safetensors and config.json in `folder`. Throws rondo::file_error.
template <class Device>
void save(const std::filesystem::path& folder, const FrameModel<Device>& model, const Options& options, double valid) {
  const nlohmann::json config{{"data", options.data},
                              {"hidden", options.hidden},
                              {"layers", options.layers},
                              {"dropout", options.dropout},
                              {"output_dropout", options.output_dropout},
                              {"input_std", options.input_std},
                              {"epochs", options.epochs},
                              {"batch_size", options.batch_size},
                              {"learning_rate", options.learning_rate},
                              {"warmup", options.warmup},
                              {"beta2", options.beta2},
                              {"weight_decay", options.weight_decay},
                              {"clip", options.clip},
                              {"transpose", options.transpose},
                              {"chords", options.chords},
                              {"key_features", options.key_features},
                              {"seed", options.seed}};
  rondo::replace_file(folder / "config.json", config.dump(2) + "\n");
  rondo::save_model(
      folder / "model.safetensors", model,
      {{"config", config.dump()}, {"valid_nll", std::to_string(valid)}, {"rondo.modules", "lstm, output"}});
}

/// Writes N.mid in `folder`: pieces of the test set, of which the model reads the first eight beats, up to 64 beats.
template <class Device>
void save_continuations(const std::filesystem::path& folder, const FrameModel<Device>& model,
                        const std::vector<Piece>& test, int outputs, std::uint64_t seed) {
  constexpr std::size_t kGiven = 8, kFrames = 64;
  std::vector<Piece> pieces;
  for (const Piece& piece : test)
    if (piece.size() >= kGiven && pieces.size() < static_cast<std::size_t>(outputs)) pieces.push_back(piece);
  if (pieces.empty()) return;
  create_folder(folder);
  rondo::Rng rng(seed, 1);
  int n = 0;
  for (const Piece& piece : continuations(model, pieces, kGiven, kFrames, rng))
    write_midi(folder / (std::to_string(++n) + ".mid"), piece);
}

template <class Device>
void run(Device device, const Options& options) {
  rondo::set_num_threads(options.threads);
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const Data data = read(options.data);
  if (!options.run_dir.empty()) create_folder(options.run_dir);
  rondo::Rng rng(options.seed);
  FrameModelConfig config;
  config.lstm = {.input = kPitches,
                 .hidden = options.hidden,
                 .layers = options.layers,
                 .dropout = options.dropout,
                 .precision = options.device.lstm_precision()};
  config.output_dropout = options.output_dropout;
  config.input_std = options.input_std;
  config.chords = options.chords;
  FrameModel<Device> model(config, data.train, rng);
  std::fprintf(stderr, "%td parameters on %s\n", rondo::parameter_count(model), examples::name_of(device).c_str());
  typename FrameModel<Device>::Cache cache;
  Batch batch;
  rondo::FactoredParameters<FrameModel<Device>, float, Device> factored(model);
  if (options.key_features) model.share(factored);
  rondo::Adam adam(
      {.learning_rate = options.learning_rate, .beta2 = options.beta2, .weight_decay = options.weight_decay});
  const rondo::WarmupCosine rate{.peak = options.learning_rate, .warmup = options.warmup, .min_ratio = 0.01};

  std::vector<std::size_t> order(data.train.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto B = static_cast<std::size_t>(options.batch_size);
  const std::size_t batches = (order.size() + B - 1) / B;
  double best_valid = 1e300;
  BestWeights best;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    for (std::size_t i = order.size() - 1; i > 0; --i)
      std::swap(order[i], order[rng.below(static_cast<std::uint32_t>(i + 1))]);
    double sum = 0;
    rondo::Index frames = 0;
    for (std::size_t n = 0; n < batches; ++n) {
      std::vector<const Piece*> pieces;
      std::vector<int> shifts;
      for (std::size_t i = n * B; i < std::min((n + 1) * B, order.size()); ++i) {
        pieces.push_back(&data.train[order[i]]);
        shifts.push_back(static_cast<int>(rng.below(static_cast<std::uint32_t>(2 * options.transpose + 1))) -
                         options.transpose);
      }
      fill(batch, pieces, shifts);
      rondo::zero_grad(model);
      const auto loss = model.run(batch, cache, rondo::Training{rng});
      rondo::clip_grad_norm(model, options.clip);
      factored.set_gradients();
      adam.step(factored, rate((epoch + static_cast<double>(n) / static_cast<double>(batches)) / options.epochs));
      factored.apply();
      sum += loss.sum, frames += loss.count;
    }
    const double valid = evaluate(model, data.valid, batch, cache);
    if (valid < best_valid) {
      best_valid = valid, best.store(model);
      if (!options.run_dir.empty()) save(options.run_dir, model, options, valid);
    }
    std::fprintf(stderr, "epoch %3d/%d  train %.3f  valid %.3f nats/frame  %.0f s\n", epoch + 1, options.epochs,
                 sum / static_cast<double>(frames), valid, seconds());
  }
  best.restore(model);
  const double test = evaluate(model, data.test, batch, cache);
  if (!options.run_dir.empty())
    save_continuations(std::filesystem::path(options.run_dir) / "samples", model, data.test, options.num_outputs,
                       options.seed);
  if (options.json) {
    nlohmann::json result = examples::report_of(device, options.device);
    result.update({{"valid_nll", best_valid},
                   {"test_nll", test},
                   {"seconds", seconds()},
                   {"epochs", options.epochs},
                   {"parameters", rondo::parameter_count(model)},
                   {"seed", options.seed}});
    std::cout << result << '\n';
  } else {
    std::printf("valid %.3f  test %.3f nats/frame  (%td parameters, %d epochs, %.0f s)\n", best_valid, test,
                rondo::parameter_count(model), options.epochs, seconds());
  }
}

}  // namespace

int main(int argc, char** argv) {
  using examples::integer_in, examples::real_in;
  Options o;
  CLI::App app{
      "Trains an LSTM on the JSB Chorales and prints the test loss in nats per frame (published: RNN-NADE 5.56; with "
      "independent keys, --no-chords, LSTM 8.45)."};
  app.option_defaults()->always_capture_default();
  app.add_option("--data", o.data, "jsb_chorales.json: {train, valid, test}, lists of pieces of frames of MIDI pitches")
      ->required();
  app.add_option(
      "--run-dir", o.run_dir,
      "folder for model.safetensors, the weights with the lowest validation loss, config.json and samples/N.mid");
  app.add_option("--num-outputs", o.num_outputs,
                 "pieces of the test set that the model continues after the first eight beats, in --run-dir")
      ->check(integer_in("[0, inf)"));
  app.add_option("--hidden", o.hidden, "LSTM units per layer")->check(integer_in("[1, inf)"));
  app.add_option("--layers", o.layers, "LSTM layers")->check(integer_in("[1, inf)"));
  app.add_option("--dropout", o.dropout, "dropout probability between layers")->check(real_in("[0, 1)"));
  app.add_option("--output-dropout", o.output_dropout, "dropout probability before the output layer")
      ->check(real_in("[0, 1)"));
  app.add_flag("--chords,!--no-chords", o.chords,
               "predict the keys of a frame in turn, each from the lower ones, too; without, independently");
  app.add_flag("--key-features,!--no-key-features", o.key_features,
               "train weights as sums in which keys with the same pitch class or register share");
  app.add_option("--epochs", o.epochs, "passes over the training set")->check(integer_in("[1, inf)"));
  app.add_option("--batch-size", o.batch_size, "pieces per batch")->check(integer_in("[1, inf)"));
  app.add_option("--learning-rate", o.learning_rate, "peak learning rate of Adam, with cosine decay")
      ->check(real_in("(0, inf)"));
  app.add_option("--weight-decay", o.weight_decay, "decoupled weight decay")->check(real_in("[0, inf)"));
  app.add_option("--clip", o.clip, "largest norm of the gradient")->check(real_in("(0, inf)"));
  app.add_option("--transpose", o.transpose,
                 "transpose training pieces by up to this many semitones, drawn at each step")
      ->check(integer_in("[0, 12]"));
  app.add_option("--input-std", o.input_std, "initial standard deviation of the first layer's input weights")
      ->check(real_in("(0, inf)"));
  app.add_option("--warmup", o.warmup, "warmup of the learning rate, as a fraction of the run")
      ->check(real_in("[0, 1)"));
  app.add_option("--beta2", o.beta2, "Adam's decay rate of squared gradients")->check(real_in("[0, 1)"));
  examples::add_threads_option(app, o.threads);
  examples::add_device_options(app, o.device);
  app.add_option("--seed", o.seed, "random seed");
  examples::renamed(app, "--input-deviation", "--input-std");
  app.add_flag("--json", o.json, "print one JSON object on stdout");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    examples::with_device(o.device, [&](auto device) { run(device, o); });
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "chorales: %s\n", e.what());
    return 1;
  }
}
