// SPDX-License-Identifier: MIT
// DataParallel: the gradients of N ranks are those of one process with the whole batch.
#include <rondo/distributed/data_parallel.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>

#include "support/catch.hpp"
#include "support/thread_ranks.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <string>
#include <vector>

using namespace rondo;

namespace {

constexpr Index kBatch = 12, kTime = 5, kVocabulary = 11;
const TokenModelConfig kConfig{.vocabulary = kVocabulary, .embedding = 6, .hidden = 9, .layers = 2};

/// Columns [first, first + count) of a batch. Targets are left out here and there, most in the first columns, so that
/// parts weigh differently.
struct Part {
  std::vector<std::int32_t> tokens, targets;
  Index first, count;
  double weight = 0;

  Part(Index from, Index columns) : first(from), count(columns) {
    for (Index t = 0; t < kTime; ++t)
      for (Index b = from; b < from + columns; ++b) {
        tokens.push_back(static_cast<std::int32_t>((3 * b + 7 * t + b * t) % kVocabulary));
        const bool ignored = t > b / 2;
        targets.push_back(ignored ? kIgnoreIndex : static_cast<std::int32_t>((5 * b + t) % kVocabulary));
        weight += !ignored;
      }
  }
};

/// That of one rank.
Part part_of(const Communicator& ranks) {
  const auto [first, count] = part_of_rank(kBatch, ranks);
  return {static_cast<Index>(first), static_cast<Index>(count)};
}

using Gradients = std::map<std::string, std::vector<float>>;

template <class Model>
Gradients gradients_of(Model& model) {
  Gradients all;
  model.for_each_parameter([&](const Path& path, auto& p) {
    all[std::string(path.text())].assign(p.grad().data, p.grad().data + p.size());
  });
  return all;
}

template <class Ready>
void backward(TokenModel<float>& model, const Part& part, Ready&& ready) {
  TokenModel<float>::Cache cache;
  auto state = model.zero_state(part.count);
  model.forward_backward(part.tokens, part.targets, part.count, kTime, state, cache, Inference{}, ready);
}

Gradients whole_batch() {
  Rng rng(3);
  TokenModel<float> model(kConfig, rng);
  zero_grad(model);
  backward(model, {0, kBatch}, NotifyNobody{});
  return gradients_of(model);
}

void require_close(const Gradients& got, const Gradients& wanted) {
  REQUIRE(got.size() == wanted.size());
  for (const auto& [name, values] : wanted) {
    INFO(name);
    const auto& own = got.at(name);
    REQUIRE(own.size() == values.size());
    float largest = 0;
    for (const float value : values) largest = std::max(largest, std::abs(value));
    REQUIRE(largest > 0);
    for (std::size_t n = 0; n < values.size(); ++n) REQUIRE(std::abs(own[n] - values[n]) <= 4e-6f * largest);
  }
}

}  // namespace

TEST_CASE("DataParallel: the gradients of N ranks are those of one process with the whole batch") {
  const int N = GENERATE(1, 2, 3, 4, 5);
  const auto bucket_bytes = GENERATE(std::size_t{1}, std::size_t{600}, std::size_t{1} << 20);
  const bool overlaps = GENERATE(false, true);
  CAPTURE(N, bucket_bytes, overlaps);
  std::vector<Gradients> of_rank(static_cast<std::size_t>(N));
  test::run_ranks(N, [&](Communicator& ranks) {
    const auto r = static_cast<std::size_t>(ranks.rank());
    Rng rng(r == 0 ? 3 : 100 + r);  // all ranks receive the weights of rank 0
    TokenModel<float> model(kConfig, rng);
    DataParallel<float> parallel(model, ranks, {.bucket_bytes = bucket_bytes});
    const Part part = part_of(ranks);
    for (int step = 0; step < 2; ++step) {  // the second begins from the gradients of the first
      zero_grad(model);
      parallel.begin(part.weight);
      if (overlaps)
        backward(model, part, parallel.when_ready());
      else
        backward(model, part, NotifyNobody{});
      double totals[] = {1.0, static_cast<double>(r)};
      parallel.finish(totals);
      if (totals[0] != N || totals[1] != N * (N - 1) / 2) std::terminate();
    }
    of_rank[r] = gradients_of(model);
  });
  require_close(of_rank[0], whole_batch());
  for (const auto& gradients : of_rank) REQUIRE(gradients == of_rank[0]);
}

TEST_CASE("DataParallel: with one rank the gradients keep their bits") {
  Rng rng(3);
  TokenModel<float> model(kConfig, rng);
  SingleProcess alone;
  DataParallel<float> parallel(model, alone);
  zero_grad(model);
  const Part part(0, kBatch);
  parallel.begin(part.weight);
  backward(model, part, parallel.when_ready());
  parallel.finish();
  REQUIRE(gradients_of(model) == whole_batch());
}

TEST_CASE("DataParallel: accumulated parts are the whole batch") {
  const int N = GENERATE(1, 3);
  CAPTURE(N);
  std::vector<Gradients> of_rank(static_cast<std::size_t>(N));
  test::run_ranks(N, [&](Communicator& ranks) {
    const auto r = static_cast<std::size_t>(ranks.rank());
    Rng rng(3);
    TokenModel<float> model(kConfig, rng);
    DataParallel<float> parallel(model, ranks, {.bucket_bytes = 600});
    const Part whole = part_of(ranks);
    for (int step = 0; step < 2; ++step) {
      zero_grad(model);
      const Index half = whole.count / 2;
      const Part one(whole.first, half), two(whole.first + half, whole.count - half);
      backward(model, one, NotifyNobody{});
      parallel.accumulate(one.weight);
      parallel.begin(two.weight);
      backward(model, two, parallel.when_ready());
      parallel.finish();
    }
    of_rank[r] = gradients_of(model);
  });
  require_close(of_rank[0], whole_batch());
}

TEST_CASE("DataParallel: afterwards the gradients are in the parameters' own memory again") {
  Rng rng(3);
  TokenModel<float> model(kConfig, rng);
  SingleProcess alone;
  {
    DataParallel<float> parallel(model, alone);
    zero_grad(model);
    backward(model, {0, kBatch}, NotifyNobody{});
    REQUIRE(model.embedding().E().grad().data >= parallel.gradients().data);
    REQUIRE(model.embedding().E().grad().data < parallel.gradients().data + parallel.gradients().rows);
    TokenModel<float> copy = model;
    REQUIRE(copy.embedding().E().grad().data != model.embedding().E().grad().data);
  }
  zero_grad(model);
  backward(model, {0, kBatch}, NotifyNobody{});
  REQUIRE(gradients_of(model) == whole_batch());
}

TEST_CASE("DataParallel: a rank with other weights is named") {
  test::run_ranks(3, [](Communicator& ranks) {
    Rng rng(3);
    TokenModel<float> model(kConfig, rng);
    DataParallel<float> parallel(model, ranks);
    require_same_weights(model, ranks);
    if (ranks.rank() == 2) model.embedding().E().value()(0, 0) += 1e-3f;
    std::string message;
    try {
      require_same_weights(model, ranks);
    } catch (const communication_error& e) {
      message = e.what();
    }
    if (message != "rank 2 has other weights than rank 0") std::terminate();
  });
}

TEST_CASE("DataParallel: a parameter of another model is refused") {
  Rng rng(3);
  TokenModel<float> model(kConfig, rng), other(kConfig, rng);
  test::run_ranks(2, [&](Communicator& ranks) {
    if (ranks.rank() == 1) {
      TokenModel<float> second(kConfig, rng);
      DataParallel<float> parallel(second, ranks);
      return;
    }
    DataParallel<float> parallel(model, ranks);
    REQUIRE_THROWS_AS(parallel.ready(other.embedding().E()), shape_error);
  });
}

TEST_CASE("The parts of all ranks are everything, in order") {
  for (std::size_t count : {0, 1, 7, 32, 33})
    for (std::size_t N = 1; N < 9; ++N) {
      std::size_t next = 0, smallest = count, largest = 0;
      for (std::size_t r = 0; r < N; ++r) {
        const RankPart part = part_of_rank(count, r, N);
        REQUIRE(part.first == next);
        next += part.count;
        smallest = std::min(smallest, part.count);
        largest = std::max(largest, part.count);
      }
      REQUIRE(next == count);
      REQUIRE(largest - smallest <= 1);
    }
}
