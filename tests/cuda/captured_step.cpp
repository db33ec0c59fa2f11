// SPDX-License-Identifier: MIT
// A training step as one CUDA graph has the bits of one that runs launch by launch, whatever changes from step to step.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include <cuda_runtime_api.h>

#include <rondo/cuda.hpp>
#include <rondo/layers/gru.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>

#include "cuda/recurrent_device.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

constexpr Index kVocabulary = 11;

/// What a step gets from the host.
struct StepInput {
  Index B = 3, T = 7;
  double learning_rate = 0.01, max_norm = 0.5;
  bool valid = true;
  std::function<void()> also = {};  // within the step
};

/// A language model in training, with dropout of both kinds, weight decay, clipping and a rate that changes.
class Trained {
 public:
  explicit Trained(bool captures, Precision precision = Precision::fp32)
      : model_({.vocabulary = kVocabulary,
                .embedding = 6,
                .hidden = 8,
                .layers = 3,
                .dropout = 0.3,
                .weight_dropout = 0.25,
                .precision = precision},
               rng_),
        adam_({.learning_rate = 0.01, .weight_decay = 0.1}) {
    if (captures) captured_ = std::make_unique<CapturedStep<Cuda>>();
  }

  /// Tokens, targets of which some are ignored, and streams that begin anew depend on `n`. Does not wait.
  void step(std::uint64_t n, const StepInput& in = {}) {
    if (state_.h.batch() != in.B) state_ = model_.zero_state(in.B);
    Rng data(7, n);
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(in.B * in.T)), targets(tokens.size());
    const std::uint32_t most = 2 + data.below(kVocabulary - 2);  // so that few or many tokens occur
    for (auto& token : tokens) token = static_cast<std::int32_t>(data.below(most));
    for (auto& target : targets) target = data.below(4) == 0 ? kIgnoreIndex : std::int32_t(data.below(kVocabulary));
    std::vector<std::uint8_t> begins(static_cast<std::size_t>(in.B));
    for (auto& b : begins) b = data.below(3) == 0;
    if (!in.valid) targets.back() = kVocabulary;
    const auto enqueue = [&] {
      zero_grad(model_);
      state_.reset(begins);
      model_.forward_backward(tokens, targets, in.B, in.T, state_, cache_, rondo::Training{rng_}, loss_);
      clip_grad_norm(model_, in.max_norm, norm_);
      adam_.step(model_, in.learning_rate, norm_);
      if (in.also) in.also();
    };
    captured_ ? captured_->run(enqueue) : enqueue();
  }

  /// Everything that a checkpoint holds, and the results of the last step.
  std::vector<double> results() {
    std::vector<double> all{loss_.get().sum, static_cast<double>(loss_.get().count), norm_.value(),
                            static_cast<double>(rng_.state().drawn), static_cast<double>(adam_.steps())};
    const auto add = [&](auto view) {
      with_host_copy(Cuda{}, view,
                     [&](auto host) { all.insert(all.end(), host.data, host.data + host.rows * host.cols); });
    };
    model_.for_each_parameter(
        [&](const Path&, auto& p) { add(p.value()), add(p.first_moment()), add(p.second_moment()); });
    add(state_.h.flat()), add(state_.c.flat());
    return all;
  }

  /// Writes the weights, moments and all else of `other` into the memory of this, as resuming from a file does.
  void resume_from(Trained& other) {
    const auto copy_to = [](auto from, auto to) {
      with_host_copy(Cuda{}, from, [&](auto host) { upload(Cuda{}, host, to); });
    };
    std::vector<Parameter<float, Cuda>*> from;
    other.model_.for_each_parameter([&](const Path&, auto& p) { from.push_back(&p); });
    auto next = from.begin();
    model_.for_each_parameter([&](const Path&, auto& p) {
      copy_to((*next)->value(), p.value()), copy_to((*next)->first_moment(), p.first_moment());
      copy_to((*next)->second_moment(), p.second_moment());
      ++next;
    });
    copy_to(other.state_.h.flat(), state_.h.flat()), copy_to(other.state_.c.flat(), state_.c.flat());
    adam_.set_steps(other.adam_.steps());
    rng_ = Rng(other.rng_.state());
  }

  const CapturedStep<Cuda>& captured() const { return *captured_; }
  DeferredLoss<Cuda>& loss() { return loss_; }

 private:
  Rng rng_{3};
  TokenModel<float, Cuda> model_;
  Adam adam_;
  LstmState<float, Cuda> state_;
  TokenModel<float, Cuda>::Cache cache_;
  DeferredLoss<Cuda> loss_;
  GradientNorm<Cuda> norm_;
  std::unique_ptr<CapturedStep<Cuda>> captured_;
};

/// A rate that changes at every step.
StepInput at(std::uint64_t n) { return {.learning_rate = 0.02 / static_cast<double>(n + 1)}; }

}  // namespace

TEST_CASE("CUDA: a captured step has the bits of one that is not, at each of 20 steps") {
  if (!gpu_available()) return;
  for (Precision precision : {Precision::fp32, Precision::bf16})
    for (RecurrentAlgorithm algorithm : kAlgorithms) {
      INFO(cuda::name(algorithm) << ", " << name(precision));
      const AlgorithmGuard guard(algorithm);
      Trained plain(false, precision), captured(true, precision);
      std::vector<double> before;
      for (std::uint64_t n = 0; n < 20; ++n) {
        plain.step(n, at(n)), captured.step(n, at(n));
        const auto wanted = plain.results();
        CHECK(captured.results() == wanted);
        CHECK(wanted != before);
        before = wanted;
      }
      CHECK(captured.captured().refusal().empty());
      CHECK(captured.captured().captures() == 1);
      CHECK(captured.captured().replays() == 18);  // but for the first, and the one that was captured
    }
}

TEST_CASE("CUDA: captured steps that nobody waits for keep their own values") {
  if (!gpu_available()) return;
  Trained plain(false), captured(true);
  for (std::uint64_t n = 0; n < 20; ++n) plain.step(n, at(n)), captured.step(n, at(n));
  CHECK(captured.results() == plain.results());
  CHECK(captured.captured().replays() == 18);
}

TEST_CASE("CUDA: a captured step continues from a checkpoint that was read into its memory") {
  if (!gpu_available()) return;
  Trained plain(false), captured(true);
  for (std::uint64_t n = 0; n < 5; ++n) plain.step(n, at(n));
  for (std::uint64_t n = 100; n < 104; ++n) captured.step(n);  // of another run
  captured.resume_from(plain);
  for (std::uint64_t n = 5; n < 10; ++n) plain.step(n, at(n)), captured.step(n, at(n));
  CHECK(captured.results() == plain.results());
  CHECK(captured.captured().captures() == 1);
}

TEST_CASE("CUDA: a step whose work differs from the graph runs as it is enqueued, and the next one is captured") {
  if (!gpu_available()) return;
  const auto longer = [](StepInput& in) { in.T = 9; };
  const auto wider = [](StepInput& in) { in.B = 5; };
  const auto shorter = [](StepInput& in) { in.T = 2; };
  const auto other_norm = [](StepInput& in) { in.max_norm = 0.05; };  // a number that is part of the graph
  for (const auto& change : {std::function<void(StepInput&)>(longer), {wider}, {shorter}, {other_norm}}) {
    Trained plain(false), captured(true);
    for (std::uint64_t n = 0; n < 20; ++n) {
      StepInput in = at(n);
      if (n >= 5 && n < 12) change(in);
      plain.step(n, in), captured.step(n, in);
      CHECK(captured.results() == plain.results());
    }
    CHECK(captured.captured().captures() == 3);
    CHECK(captured.captured().replays() == 20 - 3 - 3);  // the first one and two changes; the three after them
  }
}

TEST_CASE("CUDA: a captured step with an invalid token leaves what the same step leaves without a graph") {
  if (!gpu_available()) return;
  Trained plain(false), captured(true);
  for (std::uint64_t n = 0; n < 9; ++n) {
    StepInput in = at(n);
    in.valid = n != 1 && n != 5;  // while it is captured, and while it is replayed
    if (in.valid) {
      plain.step(n, in), captured.step(n, in);
    } else {
      CHECK_THROWS_AS(plain.step(n, in), shape_error);
      CHECK_THROWS_AS(captured.step(n, in), shape_error);
    }
    CHECK(captured.results() == plain.results());
  }
  CHECK(captured.captured().captures() == 2);
}

TEST_CASE("CUDA: work that is added to, or missing from, a captured step runs, or does not") {
  if (!gpu_available()) return;
  Buffer<float, Cuda> counter(1);
  const MatrixView<float> view{counter.data(), 1, 1, 1};
  const auto count = [&] {
    float value = 0;
    with_host_copy(Cuda{}, view, [&](auto host) { value = host(0, 0); });
    return value;
  };
  fill(Cuda{}, view, 1);
  Trained trained(true);
  float wanted = 1;
  for (std::uint64_t n = 0; n < 12; ++n) {
    StepInput in;
    if (n % 6 < 3) in.also = [&] { add(Cuda{}, view, view); }, wanted *= 2;
    trained.step(n, in);
    CHECK(count() == wanted);
  }
  CHECK(trained.captured().captures() == 4);
}

TEST_CASE("CUDA: a captured step that waits for the device, or uses another stream, is refused by name") {
  if (!gpu_available()) return;
  Trained trained(true);
  StepInput in;
  in.also = [&] { trained.loss().get(); };
  trained.step(0, in);
  for (int n = 0; n < 2; ++n)
    CHECK_THROWS_WITH(trained.step(1, in),
                      "rondo::cuda: CapturedStep: the step copies to the host, which a graph cannot; "
                      "move that after CapturedStep::run");
  in.also = [] { cuda::Context::current().synchronize(); };
  CHECK_THROWS_WITH(trained.step(1, in),
                    "rondo::cuda: CapturedStep: the step waits for the device, which a graph cannot; "
                    "move that after CapturedStep::run");
  cuda::Context other;
  Buffer<float, Cuda> value(1);
  in.also = [&] {
    const cuda::ContextGuard use(other);
    fill(Cuda{}, MatrixView<float>{value.data(), 1, 1, 1}, 1);
  };
  CHECK_THROWS_WITH(
      trained.step(1, in),
      "rondo::cuda: CapturedStep: the step enqueues work on the stream of another context than the one that runs it");
  Trained plain(false), same(true);  // a failed step disturbs no other
  for (std::uint64_t n = 0; n < 4; ++n) plain.step(n), same.step(n);
  CHECK(same.results() == plain.results());
}

TEST_CASE("CUDA: captured steps of a bidirectional network, with ragged batches, on any stream") {
  if (!gpu_available()) return;
  cudaStream_t own = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&own, cudaStreamNonBlocking) == cudaSuccess);
  for (cudaStream_t stream : {own, cudaStream_t{nullptr}})
    for (RecurrentAlgorithm algorithm : {RecurrentAlgorithm::stepwise, RecurrentAlgorithm::cluster_persistent}) {
      INFO(cuda::name(algorithm) << (stream ? "" : " on the legacy stream"));
      cuda::Context context(stream);
      const cuda::ContextGuard use(context);
      context.set_recurrent_algorithm(algorithm);
      const Index B = 4, T = 6;
      std::vector<std::vector<float>> results;
      std::int64_t replays = 0;
      for (const bool captures : {false, true}) {
        Rng rng(5);
        Recurrent<LstmCell, float, Cuda> network({.input = 5, .hidden = 12, .layers = 2, .bidirectional = true}, rng);
        decltype(network)::Cache cache;
        auto state = network.zero_state(B), d_state = network.zero_state(B);
        Sequence<float, Cuda> x(5, B, T), dy(24, B, T), dx;
        CapturedStep<Cuda> step;
        for (int n = 0; n < 8; ++n) {
          Sequence<float> host(5, B, T), host_dy(24, B, T);
          const std::vector<Index> lengths{T, Index{5} - n % 2, 3, 1 + n % 3};
          initialise_normal(host.flat(), 1, rng), initialise_normal(host_dy.flat(), 1, rng);
          host.set_lengths(lengths), host_dy.set_lengths(lengths);
          transfer(host, x), transfer(host_dy, dy);
          const auto enqueue = [&] {
            state.set_zero(), d_state.set_zero();
            zero_grad(network);
            network.forward(x, state, cache, Inference{});
            network.backward(x, dy, cache, d_state, &dx);
          };
          captures ? step.run(enqueue) : enqueue();
          std::vector<float> all;
          const Sequence<float> host_dx = to<Cpu>(dx);
          all.assign(host_dx.data(), host_dx.data() + host_dx.size());
          network.for_each_parameter([&](const Path&, auto& p) {
            with_host_copy(Cuda{}, p.grad(), [&](auto g) { all.insert(all.end(), g.data, g.data + g.rows * g.cols); });
          });
          if (!captures)
            results.push_back(all);
          else
            CHECK(all == results[static_cast<std::size_t>(n)]);
        }
        replays = step.replays();
      }
      // The stepwise algorithm skips columns that have ended, so its launches depend on the lengths.
      CHECK(replays == (context.last_algorithm() == RecurrentAlgorithm::stepwise ? 0 : 6));
    }
  cudaStreamDestroy(own);
}
